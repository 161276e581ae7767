// What a box makes of orders one after the other, from SPEC 6.2 (8), (10) and 6.3; it has no trusted time.
import { contains, region_level } from "./names.mjs";
import { accept_order, order_of } from "./orders.mjs";
import { Rejected, reject } from "./strict_json.mjs";

const ENDS = { resume: "stop", lift: "ban" };

export function box({ policy, venue, region, orders }) {
    const trust = JSON.parse(policy);
    const known = new Map(); // number -> identity
    const holds = new Map(); // number -> {kind, level}
    const endings = []; // {kind, number, level}
    const is_ended = (number, hold) =>
        endings.some((one) => one.kind === hold.kind && one.number === number && one.level <= hold.level);
    const in_force = () => [...holds.keys()].filter((number) => !is_ended(number, holds.get(number))).sort();

    function obey(bytes) {
        const { order: number, document } = accept_order(bytes, trust, region);
        if (known.get(number) === document) return { result: "known", code: "ORDER_REPLAYED" };
        if (known.has(number)) reject("ORDER_EQUIVOCATION");
        const order = order_of(bytes);
        const scope = order.get("scope");
        const is_named = scope.has("region") ? contains(scope.get("region"), region) : scope.get("venues").includes(venue);
        if (!is_named) reject("ORDER_NOT_ADDRESSED");
        known.set(number, document);
        const level = region_level(order.get("authority"));
        const ends = ENDS[order.get("kind")];
        if (ends) order.get("ends").forEach((ended) => endings.push({ kind: ends, number: ended, level }));
        else holds.set(number, { kind: order.get("kind"), level, is_of_rooms: scope.has("rooms") });
        return { result: "accepted", code: "" };
    }

    const receipts = orders.map((text) => {
        let answer;
        try {
            answer = obey(Buffer.from(text));
        } catch (error) {
            if (!(error instanceof Rejected)) throw error;
            answer = { result: "rejected", code: error.code };
        }
        return { ...answer, holds: in_force() };
    });
    const locks = (hold) => hold.kind === "stop" && !hold.is_of_rooms;
    return { receipts, is_locked: in_force().some((number) => locks(holds.get(number))) };
}
