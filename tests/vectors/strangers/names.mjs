// Names of places, from SPEC 4.1 and 4.2.
import { reject } from "./strict_json.mjs";

// The level of a region, null if it is none.
export function region_level(text) {
    if (!/^[0-9]{6}$/.test(text)) return null;
    const pairs = [text.slice(0, 2), text.slice(2, 4), text.slice(4)];
    const filled = pairs.findLastIndex((pair) => pair !== "00") + 1;
    return pairs.slice(0, filled).includes("00") ? null : filled + 1;
}

export function contains(outer, inner) {
    const filled = region_level(outer) - 1;
    return inner.slice(0, 2 * filled) === outer.slice(0, 2 * filled);
}

export function venue_code(text) {
    const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    const found = /^J01([0-9]{6})[0-9]{5}[0-9A-HJ-NP-RTUWXY]$/.exec(text);
    if (!found || region_level(found[1]) === null) reject("VENUE_CODE_FORM");
    let [sum, weight] = [0, 1];
    for (const char of text.slice(0, 14)) {
        sum += alphabet.indexOf(char) * weight;
        weight = (weight * 3) % 31;
    }
    if (alphabet[(31 - (sum % 31)) % 31] !== text[14]) reject("VENUE_CODE_CHECK");
    return text;
}
