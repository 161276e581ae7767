"""A venue that is right in every field; one argument makes it wrong."""


def a_venue(**changes: object) -> dict[str, object]:
    venue: dict[str, object] = {
        "region": "310101",
        "name": "星光KTV",
        "address": "南京东路1号",
        "credit_code": "91110000600037341L",
        "licence": "310101160001",
        "rooms": 12,
    }
    return venue | changes
