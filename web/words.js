// What the page says, in the five languages of the model, and how numbers and units are written.

/** @type {Object<string, Object<string, string>>} */
const WORDS = {
  indicator: { en: "Indicator", de: "Indikator", fr: "Indicateur", es: "Indicador", it: "Indicatore" },
  none: { en: "(none)", de: "(keiner)", fr: "(aucun)", es: "(ninguno)", it: "(nessuno)" },
  units: { en: "Spatial units", de: "Räumliche Einheiten", fr: "Unités spatiales", es: "Unidades espaciales", it: "Unità spaziali" },
  period: { en: "Period", de: "Zeitraum", fr: "Période", es: "Periodo", it: "Periodo" },
  earlier: { en: "Earlier", de: "Früher", fr: "Avant", es: "Anterior", it: "Precedente" },
  later: { en: "Later", de: "Später", fr: "Après", es: "Posterior", it: "Successivo" },
  classes: { en: "Classes", de: "Klassen", fr: "Classes", es: "Clases", it: "Classi" },
  quantiles: { en: "quantiles", de: "Quantile", fr: "quantiles", es: "cuantiles", it: "quantili" },
  equal: { en: "equal intervals", de: "gleiche Intervalle", fr: "intervalles égaux", es: "intervalos iguales", it: "intervalli uguali" },
  limits: { en: "limit values", de: "Grenzwerte", fr: "valeurs limites", es: "valores límite", it: "valori limite" },
  fixed: { en: "classes of the index", de: "Klassen des Index", fr: "classes de l'indice", es: "clases del índice", it: "classi dell'indice" },
  layers: { en: "Layers", de: "Ebenen", fr: "Couches", es: "Capas", it: "Livelli" },
  legend: { en: "Legend", de: "Legende", fr: "Légende", es: "Leyenda", it: "Legenda" },
  map: { en: "Map", de: "Karte", fr: "Carte", es: "Mapa", it: "Mappa" },
  noValue: { en: "No value", de: "Kein Wert", fr: "Pas de valeur", es: "Sin valor", it: "Nessun valore" },
  valid: { en: "valid", de: "gültig", fr: "valide", es: "válido", it: "valido" },
  insufficient: { en: "too little data", de: "zu wenig Daten", fr: "données insuffisantes", es: "datos insuficientes", it: "dati insufficienti" },
  "not-computable": { en: "cannot be computed", de: "nicht berechenbar", fr: "non calculable", es: "no calculable", it: "non calcolabile" },
  suppressed: { en: "suppressed", de: "unterdrückt", fr: "supprimé", es: "suprimido", it: "soppresso" },
  limit: { en: "Limit", de: "Grenzwert", fr: "Limite", es: "Límite", it: "Limite" },
  permittedDays: { en: "days permitted above", de: "Tage erlaubt über", fr: "jours autorisés au-dessus de", es: "días permitidos por encima de", it: "giorni consentiti oltre" },
  ruleSet: { en: "Rule set", de: "Regelwerk", fr: "Réglementation", es: "Norma", it: "Norma" },
  verdict: { en: "Verdict", de: "Urteil", fr: "Verdict", es: "Resultado", it: "Esito" },
  compliant: { en: "compliant", de: "eingehalten", fr: "respecté", es: "cumple", it: "rispettato" },
  exceeded: { en: "exceeded", de: "überschritten", fr: "dépassé", es: "superado", it: "superato" },
  "not-assessable": { en: "not assessable", de: "nicht beurteilbar", fr: "non évaluable", es: "no evaluable", it: "non valutabile" },
  inForce: { en: "in force", de: "in Kraft", fr: "en vigueur", es: "en vigor", it: "in vigore" },
  notInForce: { en: "not in force", de: "nicht in Kraft", fr: "pas en vigueur", es: "no en vigor", it: "non in vigore" },
  coverage: { en: "Data coverage", de: "Datenabdeckung", fr: "Couverture des données", es: "Cobertura de datos", it: "Copertura dei dati" },
  method: { en: "Method", de: "Methode", fr: "Méthode", es: "Método", it: "Metodo" },
  status: { en: "Status", de: "Status", fr: "Statut", es: "Estado", it: "Stato" },
  reason: { en: "Reason", de: "Grund", fr: "Raison", es: "Motivo", it: "Motivo" },
  unit: { en: "Unit", de: "Einheit", fr: "Unité", es: "Unidad", it: "Unità" },
  value: { en: "Value", de: "Wert", fr: "Valeur", es: "Valor", it: "Valore" },
  lineage: { en: "How it came about", de: "Wie er entstand", fr: "Comment elle a été obtenue", es: "Cómo se obtuvo", it: "Come è stato ottenuto" },
  thisValue: { en: "This value", de: "Dieser Wert", fr: "Cette valeur", es: "Este valor", it: "Questo valore" },
  definition: { en: "Definition", de: "Definition", fr: "Définition", es: "Definición", it: "Definizione" },
  asTable: { en: "As a table", de: "Als Tabelle", fr: "En tableau", es: "Como tabla", it: "Come tabella" },
  thisFeature: { en: "This feature and its source", de: "Dieses Objekt und seine Quelle", fr: "Cet objet et sa source", es: "Este objeto y su fuente", it: "Questo oggetto e la sua fonte" },
  close: { en: "Close", de: "Schließen", fr: "Fermer", es: "Cerrar", it: "Chiudi" },
  alsoHere: { en: "Also at this place", de: "Auch an diesem Ort", fr: "Aussi à cet endroit", es: "También en este lugar", it: "Anche in questo luogo" },
  allValues: { en: "All values as a list", de: "Alle Werte als Liste", fr: "Toutes les valeurs en liste", es: "Todos los valores en lista", it: "Tutti i valori in elenco" },
  withoutPlace: { en: "without a known place", de: "ohne bekannten Ort", fr: "sans lieu connu", es: "sin lugar conocido", it: "senza luogo noto" },
  moreValues: { en: "Only the first {shown} of {matched} values are shown.", de: "Nur die ersten {shown} von {matched} Werten sind gezeigt.", fr: "Seules les {shown} premières valeurs sur {matched} sont affichées.", es: "Solo se muestran los primeros {shown} de {matched} valores.", it: "Sono mostrati solo i primi {shown} di {matched} valori." },
  noIndicators: { en: "This twin has no values of indicators yet. Compute them with `ldt indicators compute`.", de: "Dieser Zwilling hat noch keine Indikatorwerte. `ldt indicators compute` berechnet sie.", fr: "Ce jumeau n'a pas encore de valeurs d'indicateurs. `ldt indicators compute` les calcule.", es: "Este gemelo aún no tiene valores de indicadores. `ldt indicators compute` los calcula.", it: "Questo gemello non ha ancora valori di indicatori. `ldt indicators compute` li calcola." },
  nothingHere: { en: "There are no values for this choice.", de: "Für diese Auswahl gibt es keine Werte.", fr: "Il n'y a pas de valeurs pour ce choix.", es: "No hay valores para esta selección.", it: "Non ci sono valori per questa scelta." },
  away: { en: "The service cannot be reached.", de: "Der Dienst ist nicht erreichbar.", fr: "Le service est injoignable.", es: "No se puede acceder al servicio.", it: "Il servizio non è raggiungibile." },
  noDrawing: { en: "This browser cannot draw the map (WebGL is missing); the list below has all values.", de: "Dieser Browser kann die Karte nicht zeichnen (WebGL fehlt); die Liste unten hat alle Werte.", fr: "Ce navigateur ne peut pas dessiner la carte (WebGL manque) ; la liste ci-dessous contient toutes les valeurs.", es: "Este navegador no puede dibujar el mapa (falta WebGL); la lista de abajo tiene todos los valores.", it: "Questo browser non può disegnare la mappa (manca WebGL); l'elenco sotto ha tutti i valori." },
  again: { en: "Try again", de: "Noch einmal", fr: "Réessayer", es: "Reintentar", it: "Riprova" },
  state: { en: "State", de: "Stand", fr: "État", es: "Estado", it: "Stato" },
  daysPerYear: { en: "days a year", de: "Tage im Jahr", fr: "jours par an", es: "días al año", it: "giorni all'anno" },
  good: { en: "Good", de: "Gut", fr: "Bon", es: "Buena", it: "Buona" },
  fair: { en: "Fair", de: "Ausreichend", fr: "Correct", es: "Razonablemente buena", it: "Discreta" },
  moderate: { en: "Moderate", de: "Mäßig", fr: "Moyen", es: "Regular", it: "Moderata" },
  poor: { en: "Poor", de: "Schlecht", fr: "Mauvais", es: "Desfavorable", it: "Scarsa" },
  veryPoor: { en: "Very poor", de: "Sehr schlecht", fr: "Très mauvais", es: "Muy desfavorable", it: "Molto scarsa" },
  extremelyPoor: { en: "Extremely poor", de: "Äußerst schlecht", fr: "Extrêmement mauvais", es: "Extremadamente desfavorable", it: "Estremamente scarsa" },
};

const LANGUAGES = ["en", "de", "fr", "es", "it"];

/** Codes of the languages that the browser prefers, in its order, English at the end. */
const wanted = [...navigator.languages.map((l) => l.slice(0, 2).toLowerCase()), "en"];

/** The language of the page's own words. */
export const language = wanted.find((l) => LANGUAGES.includes(l)) ?? "en";

/**
 * Return a word of the page.
 * @param {string} key
 * @param {Object<string, string | number>} [filling] what stands for `{name}`
 */
export function word(key, filling = {}) {
  const text = WORDS[key]?.[language] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(filling[name]));
}

/**
 * Return a text of the data in the language that is wanted most.
 * @param {Object<string, string> | string | null | undefined} text
 */
export function say(text) {
  if (text === null || text === undefined) return "";
  if (typeof text === "string") return text;
  const code = wanted.find((l) => l in text) ?? Object.keys(text)[0];
  return text[code] ?? "";
}

/** @param {number} value @param {number} [digits] significant digits */
export function number(value, digits = 4) {
  const whole = Math.abs(value) >= 10 ** digits;
  const format = whole ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits };
  return new Intl.NumberFormat(language, format).format(value);
}

/** @param {number | null | undefined} share 0 to 1 */
export function percent(share) {
  if (share === null || share === undefined) return "–";
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(share);
}

// UCUM codes as people write them; a code that is not here is shown as it is.
const UNITS = { "ug/m3": "µg/m³", "mg/m3": "mg/m³", "ng/m3": "ng/m³", m2: "m²", km2: "km²", "km2/a": "km²/a", "ha/a": "ha/a", Cel: "°C", 1: "" };

/** @param {string | null | undefined} code UCUM */
export function unit(code) {
  if (code === null || code === undefined) return "";
  return code === "{days}/a" ? word("daysPerYear") : (UNITS[code] ?? code);
}
