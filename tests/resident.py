"""Peak memory of a process that a test starts, as code to put before its own."""

#: Defines `peak()`: the most resident memory of this program so far, in MB. What `getrusage` tells on Linux includes the process that
#: started it, up to the moment when it became this program; the kernel's own account of the program does not.
PEAK = """
import resource, sys
def peak():
    if sys.platform == "linux":
        return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
"""
