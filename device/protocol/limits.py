"""Every bound that both sides rely on (SPEC 17). A setting is what differs between two boxes; these do not."""

DAY_MS = 24 * 3600 * 1000
UTC_OFFSET_MS = 8 * 3600 * 1000  # of the one time zone of the country

INTEGER_MAX = (1 << 53) - 1  # SPEC 2.2: what every JSON reader in the field holds exactly
INSTANT_MAX = 253_402_214_400_000  # SPEC 1.2: 9999-12-31T00:00:00Z, a date in every calendar and time zone

DEPTH_MAX = 16
ROOT_STEPS_MAX = 256
SIGNATURES_MAX = 8
ENVELOPE_BYTES_MAX = 65_536
ORDER_BYTES_MAX = 1_048_576  # an order alone: a list of 7,000 files, 64 digits each, goes in one
POLICY_BYTES_MAX = 1_048_576
MANIFEST_BYTES_MAX = 65_536
BATCH_BYTES_MAX = 131_072
BATCH_ENTRIES_MAX = 200
ENTRY_BYTES_MAX = 1_024
VENUES_MAX = 1_000
ROOMS_MAX = 64
TARGETS_MAX = 7_000
BANNED_MAX = 20_000
ENDS_MAX = 64
HOLDS_MAX = 256
BAN_LIST_BYTES_MAX = 4_194_304
LIFTED_MAX = 64
GAPS_MAX = 256
ENDINGS_MAX = 4_096
NOTICES_MAX = 64
PLAYS_OPEN_MAX = 400
FAULTS_MAX = 16
PERSONS_MAX = 2_000
MOVES_MAX = 256
TEXT_CHARS_MAX = 500
GRACE_S_MAX = 600
PLAYED_S_MAX = 86_400
ORDER_ACCEPTED_FOR_MS = 90 * DAY_MS
LEASE_FULL_FOR_MS_MIN = 3 * DAY_MS  # so that who holds the lease key cannot close a venue with it
LEASE_FOR_MS_MAX = 40 * DAY_MS
LEASE_POWERED_S_MIN = 3 * 24 * 3600  # likewise
LEASE_PLAYS_MIN = 50_000  # likewise: 200 rooms in full use for 72 hours
EXTENSION_FOR_MS_MAX = 7 * DAY_MS
LEASE_STEP_MS = 2_000
LEASE_OFF_MS = 300_000  # as long as a nonce waits for its answer
DRIFT_PPM = 250
RTC_STEP_MS = 60_000
RTC_OFF_MS = 2 * DAY_MS  # twenty years of such a drift, and no dead battery
REPORT_EVERY_S = 60
PROBE_S = 5
CONNECT_WAIT_S_MAX = 900
SESSION_STEADY_S = 5
EDGE_PER_S = 250
CHECKPOINT_ENTRIES = 64
CHECKPOINT_EVERY_S = 60
RENEW_FROM_DAYS = 130
RENEW_UNTIL_DAYS = 60
JOURNAL_KEPT_MS = 180 * DAY_MS
JOURNAL_BYTES_MAX = 2 << 30  # computed in tests/device/drivers/test_journal_room.py
JOURNAL_EPOCH_MAX = 99_999_999  # what the name of a segment holds
EPOCH_BELIEVED_MAX = 49_999_999  # of a mere name: there must be an epoch behind it, and one behind that
EPOCHS_AHEAD_MAX = 1_000  # so that no ack key can use the epochs of a box up
GROUP_MS_MAX = 2_000
SECTOR_BYTES = 512  # a larger one is several of these
BOOT_ATTEMPTS = 3
CATALOG_ENTRIES_MAX = 1_000_000
OVERLAYS_MAX = 8
SCOPES_MAX = 1_000
SCOPE_REGIONS_MAX = 64
SERIAL_PAYLOAD_BYTES_MAX = 1_024
LAN_BODY_BYTES_MAX = 65_536  # but of an order, ORDER_BYTES_MAX

assert ENTRY_BYTES_MAX < BATCH_BYTES_MAX, "an entry must fit into a batch"
assert BATCH_BYTES_MAX > BATCH_ENTRIES_MAX * 512, "a batch of ordinary entries must not be cut by its bytes"
assert LEASE_FULL_FOR_MS_MIN <= LEASE_FOR_MS_MAX
assert CHECKPOINT_ENTRIES <= BATCH_ENTRIES_MAX
assert EPOCH_BELIEVED_MAX + EPOCHS_AHEAD_MAX < JOURNAL_EPOCH_MAX, "behind what is believed there must be room"
