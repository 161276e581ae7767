// What is wrong with an evidence, in a sentence that begins with the entry where it is one.
export class Bad extends Error {}

export function require(is_true, why) {
    if (!is_true) throw new Bad(why);
}
