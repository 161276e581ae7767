// What the plays of an evidence come to, from SPEC 9.1, 9.4 and 16.2.
const PLAY = /^([1-9][0-9]*)-(0|[1-9][0-9]*)$/;
const song_of = (body) => ["room", "song", "kind"].map((name) => body.get(name)).join(" ");

// Takes the entries one after the other; `counted` by our own count, `misstated` are ends that say otherwise.
export class Plays {
    constructor(policy) {
        Object.assign(this, { policy, started: 0, counted: 0, misstated: 0, at: new Map(), ended: new Set() });
    }

    add(entry) {
        const [kind, body] = [entry.get("kind"), entry.get("body")];
        this.at.set(entry.get("seq"), kind === "PLAY_START" ? song_of(body) : "");
        this.started += kind === "PLAY_START";
        if (kind !== "PLAY_END") return;
        const is_first = this.has_begun(entry) && !this.ended.has(body.get("play"));
        if (is_first) this.ended.add(body.get("play"));
        const counts = is_first && this.is_long(body);
        this.counted += counts;
        this.misstated += counts !== body.get("counted");
    }

    // At the place that is its id, as far as this is at hand.
    has_begun(entry) {
        const [, epoch, seq] = PLAY.exec(entry.get("body").get("play"))?.map(Number) ?? [];
        if (epoch === undefined || epoch > entry.get("epoch")) return false;
        if (epoch < entry.get("epoch")) return true;
        const song = song_of(entry.get("body"));
        return seq < entry.get("seq") && (this.at.get(seq) ?? song) === song;
    }

    is_long(body) {
        const is_ours = body.get("policy_epoch") === this.policy.epoch;
        if (is_ours && body.get("cut_song_s") !== this.policy.rules.cut_song_s) return false;
        return body.get("kind") === "guest" && body.get("played_s") >= body.get("cut_song_s");
    }
}
