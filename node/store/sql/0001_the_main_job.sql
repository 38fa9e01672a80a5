-- One center's whole memory. Times are unix milliseconds. Columns named sealed_* hold
-- personal data under the node's data key (node.store.cipher); blind_* are keyed hashes of it.

-- Who we deal with ---------------------------------------------------------------------

CREATE TABLE peer (
    center TEXT PRIMARY KEY,
    descriptor BLOB NOT NULL CHECK (length(descriptor) > 0),
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    pinned_at_ms INTEGER NOT NULL,
    paused TEXT, -- the operator's reason; NULL: not paused
    paused_by TEXT,
    paused_at_ms INTEGER,
    knows INTEGER -- the newest descriptor of ours that it has taken; NULL: it never told
) STRICT;
CREATE TRIGGER peer_descriptor BEFORE UPDATE OF center, descriptor, sequence ON peer
WHEN NEW.center <> OLD.center OR NEW.sequence < OLD.sequence
    OR (NEW.sequence = OLD.sequence AND NEW.descriptor <> OLD.descriptor)
BEGIN SELECT RAISE(ABORT, 'a descriptor changes only with its sequence'); END;

-- Peers' descriptors, all that were ever taken, as their roots signed them.
CREATE TABLE descriptor (
    center TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 1),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    signed BLOB NOT NULL CHECK (length(signed) > 0),
    PRIMARY KEY (center, sequence)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER descriptor_stays BEFORE UPDATE ON descriptor
BEGIN SELECT RAISE(ABORT, 'what was signed never changes'); END;
CREATE TRIGGER descriptor_is_kept BEFORE DELETE ON descriptor
BEGIN SELECT RAISE(ABORT, 'descriptors are kept'); END;

-- Peers' keys that they have revoked, with the first descriptor that says so.
CREATE TABLE revoked_key (
    center TEXT NOT NULL,
    key_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (center, key_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER revoked_key_stays BEFORE UPDATE ON revoked_key
BEGIN SELECT RAISE(ABORT, 'a revocation is for good'); END;
CREATE TRIGGER revoked_key_is_kept BEFORE DELETE ON revoked_key
BEGIN SELECT RAISE(ABORT, 'a revocation is for good'); END;

-- Two descriptors of one center that cannot both be its only one: two nodes, one identity.
CREATE TABLE twin (
    center TEXT NOT NULL,
    held BLOB NOT NULL,
    shown BLOB NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (center, shown)
) STRICT;

-- Our invitations to peers. Of the secret only what checks an answer; the file was given once.
CREATE TABLE peer_invitation (
    id BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    suite TEXT NOT NULL,
    answer_key BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    meant_for TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER, -- answered or withdrawn
    closed_by TEXT,
    peer TEXT, -- who answered
    peer_fingerprint TEXT
) STRICT, WITHOUT ROWID;

-- Peers' invitations that we accepted, with the reply that they get for it.
CREATE TABLE peer_acceptance (
    invitation BLOB PRIMARY KEY,
    peer TEXT NOT NULL,
    reply TEXT NOT NULL,
    our_fingerprint TEXT NOT NULL,
    peer_fingerprint TEXT NOT NULL,
    accepted_by TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Conversations, words, receipts ---------------------------------------------------------

CREATE TABLE conversation (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    agreement BLOB,
    suite TEXT NOT NULL,
    phase TEXT NOT NULL,
    said INTEGER NOT NULL,
    heard INTEGER NOT NULL,
    said_hash BLOB NOT NULL,
    heard_hash BLOB NOT NULL,
    deadline_ms INTEGER,
    opened_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_deadline ON conversation (deadline_ms) WHERE deadline_ms IS NOT NULL;

-- Words of ours. On disk before they are sent; receipt is NULL until the peer has answered.
CREATE TABLE said (
    peer TEXT NOT NULL,
    number INTEGER NOT NULL,
    conversation BLOB NOT NULL,
    revision INTEGER NOT NULL,
    payload_type TEXT NOT NULL,
    payload BLOB NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    said_at_ms INTEGER NOT NULL,
    suite TEXT NOT NULL,
    log_index INTEGER NOT NULL,
    envelope BLOB,
    receipt BLOB,
    accepted INTEGER,
    PRIMARY KEY (peer, number)
) STRICT;
CREATE INDEX said_pending ON said (peer, number) WHERE receipt IS NULL;
CREATE INDEX said_conversation ON said (conversation);
CREATE INDEX said_log ON said (suite, log_index); -- grows at its end only

-- Words of peers, with the receipt they got. Kept for at least 400 days.
CREATE TABLE heard (
    sender TEXT NOT NULL,
    message_id BLOB NOT NULL,
    conversation BLOB NOT NULL,
    revision INTEGER NOT NULL,
    payload_type TEXT NOT NULL,
    hash BLOB NOT NULL,
    envelope BLOB NOT NULL,
    receipt_payload BLOB NOT NULL,
    heard_at_ms INTEGER NOT NULL,
    suite TEXT NOT NULL,
    log_index INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    PRIMARY KEY (sender, message_id)
) STRICT; -- with rowids: envelopes are appended, only their small keys fall anywhere
CREATE INDEX heard_conversation ON heard (conversation);
CREATE INDEX heard_log ON heard (suite, log_index); -- grows at its end only

-- How many words were said to and heard from each peer, ever.
CREATE TABLE tally (
    peer TEXT PRIMARY KEY,
    said INTEGER NOT NULL,
    heard INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER said_is_counted AFTER INSERT ON said
BEGIN
    INSERT INTO tally (peer, said, heard) VALUES (NEW.peer, 1, 0)
    ON CONFLICT (peer) DO UPDATE SET said = said + 1;
END;
CREATE TRIGGER heard_is_counted AFTER INSERT ON heard
BEGIN
    INSERT INTO tally (peer, said, heard) VALUES (NEW.sender, 0, 1)
    ON CONFLICT (peer) DO UPDATE SET heard = heard + 1;
END;

-- The evidence logs, one for each suite: RFC 6962 trees. Nothing in them is ever changed. -

CREATE TABLE log_entry (
    suite TEXT NOT NULL,
    idx INTEGER NOT NULL,
    data BLOB NOT NULL,
    envelope_hash BLOB NOT NULL,
    PRIMARY KEY (suite, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_entry_envelope ON log_entry (envelope_hash);
CREATE TRIGGER log_entry_is_final BEFORE UPDATE ON log_entry
BEGIN
    SELECT RAISE (ABORT, 'the evidence log is append-only');
END;
CREATE TRIGGER log_entry_stays BEFORE DELETE ON log_entry
BEGIN
    SELECT RAISE (ABORT, 'the evidence log is append-only');
END;

-- Hashes of complete subtrees above the leaves; id = level << 56 | index.
CREATE TABLE log_node (
    suite TEXT NOT NULL,
    id INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (suite, id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER log_node_is_final BEFORE UPDATE ON log_node
BEGIN
    SELECT RAISE (ABORT, 'the evidence log is append-only');
END;
CREATE TRIGGER log_node_stays BEFORE DELETE ON log_node
BEGIN
    SELECT RAISE (ABORT, 'the evidence log is append-only');
END;

-- Conversations whose envelopes were erased when their time was over: leaves and hashes stay.
CREATE TABLE erasure (
    conversation BLOB PRIMARY KEY,
    reason TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    words INTEGER NOT NULL,
    salt BLOB NOT NULL, -- opens the digest of the leaf that tells of it
    suite TEXT NOT NULL,
    log_index INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER erasure_stays BEFORE DELETE ON erasure
BEGIN
    SELECT RAISE (ABORT, 'what was erased stays told');
END;

CREATE TABLE checkpoint (
    suite TEXT NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (suite, size)
) STRICT, WITHOUT ROWID;

-- Our checkpoints that peers cosigned.
CREATE TABLE cosigned (
    peer TEXT NOT NULL,
    suite TEXT NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (peer, suite, size)
) STRICT, WITHOUT ROWID;

-- Peers' checkpoints that we cosigned: the newest of each.
CREATE TABLE witnessed (
    peer TEXT NOT NULL,
    suite TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL, -- empty: an epoch began, and nothing of it was cosigned yet
    PRIMARY KEY (peer, suite)
) STRICT, WITHOUT ROWID;

-- Two checkpoints of one peer that cannot both be true.
CREATE TABLE fork (
    peer TEXT NOT NULL,
    held TEXT NOT NULL,
    shown TEXT NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    explained INTEGER, -- the epoch by which the peer has announced that it lost what we hold
    via TEXT NOT NULL DEFAULT '', -- the center that passed one of them on; empty: the peer showed it
    lifted_at_ms INTEGER, -- when an operator let draws go on, by whom and why
    lifted_by TEXT,
    reason TEXT,
    PRIMARY KEY (peer, shown)
) STRICT, WITHOUT ROWID;

-- Heads of peers' logs that others cosigned and passed on to us: the last by each way.
CREATE TABLE passed_head (
    peer TEXT NOT NULL, -- whose log
    suite TEXT NOT NULL,
    via TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL,
    seen_at_ms INTEGER NOT NULL, -- since when something by this way is not proven
    proven INTEGER NOT NULL,
    PRIMARY KEY (peer, suite, via)
) STRICT, WITHOUT ROWID;

-- Cosigned heads of logs that went on from a backup: what the log had before, and the proof.
CREATE TABLE former_head (
    ours INTEGER NOT NULL, -- 1: of our log, cosigned by the peer; 0: of its log, cosigned by us
    peer TEXT NOT NULL,
    suite TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (ours, peer, suite, epoch, size)
) STRICT, WITHOUT ROWID;

-- Recovery: whom we ask for what we have lost, and what they gave back. Empty when all is well.
CREATE TABLE recovery (
    peer TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('SUSPECT', 'DENIED', 'WAITED', 'ANSWERED', 'WITHOUT')),
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    asked_from_ms INTEGER NOT NULL, -- words before that are not asked for; 0: all are
    heard_to INTEGER NOT NULL DEFAULT 0,
    said_to INTEGER NOT NULL DEFAULT 0,
    words_heard INTEGER NOT NULL DEFAULT 0 -- how many of our words it says that it has heard
) STRICT, WITHOUT ROWID;

CREATE TABLE given_back (
    hash BLOB PRIMARY KEY, -- of the word's envelope
    peer TEXT NOT NULL,
    suite TEXT NOT NULL,
    word BLOB NOT NULL,
    receipt BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Agreements, joint tests, pools ----------------------------------------------------------

-- One row a document: proposed, countered with, signed. ``state`` is how far it came; what became
-- of it after both signed is in the columns below. ``changed_by`` is the hash of the signed word,
-- said or heard in the conversation ``changed_in``, that made the row what it is: nothing changes
-- an agreement but such a word.
CREATE TABLE agreement (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    conversation BLOB NOT NULL,
    round INTEGER NOT NULL CHECK (round >= 0),
    peer TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    supersedes BLOB CHECK ((supersedes IS NULL) = (version = 1)),
    document BLOB NOT NULL CHECK (length(document) > 0),
    proposer_signature BLOB NOT NULL CHECK (length(proposer_signature) > 0),
    proposer_key_id BLOB NOT NULL CHECK (length(proposer_key_id) = 16),
    proposer_former BLOB, -- under the replaced version's suite, where an amendment changes it
    answerer_signature BLOB CHECK (length(answerer_signature) > 0),
    answerer_key_id BLOB CHECK (length(answerer_key_id) = 16),
    answerer_former BLOB,
    we_proposed INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('PROPOSED', 'COUNTERED', 'ACTIVE', 'DECLINED', 'WITHDRAWN', 'REFUSED')
    ),
    note TEXT NOT NULL DEFAULT '',
    suspended_by_us INTEGER NOT NULL DEFAULT 0,
    suspended_by_peer INTEGER NOT NULL DEFAULT 0,
    ends_at_ms INTEGER,
    superseded_by BLOB,
    superseded_from_ms INTEGER,
    signed_at_ms INTEGER,
    changed_by BLOB NOT NULL,
    changed_in BLOB NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    UNIQUE (conversation, round),
    CHECK ((answerer_signature IS NULL) = (answerer_key_id IS NULL)),
    CHECK ((answerer_signature IS NULL) = (signed_at_ms IS NULL)),
    CHECK (state <> 'ACTIVE' OR answerer_signature IS NOT NULL),
    CHECK ((superseded_by IS NULL) = (superseded_from_ms IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX agreement_peer ON agreement (peer, state);

CREATE TRIGGER agreement_begins BEFORE INSERT ON agreement
WHEN NEW.state <> 'PROPOSED' OR NEW.answerer_signature IS NOT NULL
    OR NEW.changed_in <> NEW.conversation
BEGIN SELECT RAISE(ABORT, 'an agreement begins with a proposal'); END;

CREATE TRIGGER agreement_proposed BEFORE INSERT ON agreement
WHEN NOT EXISTS (
    SELECT 1 FROM said
    WHERE conversation = NEW.changed_in AND hash = NEW.changed_by AND peer = NEW.peer
    UNION ALL
    SELECT 1 FROM heard
    WHERE conversation = NEW.changed_in AND hash = NEW.changed_by AND sender = NEW.peer AND accepted
)
BEGIN SELECT RAISE(ABORT, 'only a signed word makes an agreement'); END;

CREATE TRIGGER agreement_changes BEFORE UPDATE ON agreement
WHEN NOT EXISTS (
    SELECT 1 FROM said
    WHERE conversation = NEW.changed_in AND hash = NEW.changed_by AND peer = NEW.peer
    UNION ALL
    SELECT 1 FROM heard
    WHERE conversation = NEW.changed_in AND hash = NEW.changed_by AND sender = NEW.peer AND accepted
)
BEGIN SELECT RAISE(ABORT, 'only a signed word changes an agreement'); END;

CREATE TRIGGER agreement_document BEFORE UPDATE OF
    id, conversation, round, peer, version, supersedes, document, proposer_signature,
    proposer_key_id, proposer_former, we_proposed ON agreement
BEGIN SELECT RAISE(ABORT, 'what was signed never changes'); END;

CREATE TRIGGER agreement_signature BEFORE UPDATE OF
    answerer_signature, answerer_key_id, answerer_former, signed_at_ms ON agreement
WHEN OLD.answerer_signature IS NOT NULL OR NEW.state <> 'ACTIVE'
BEGIN SELECT RAISE(ABORT, 'an agreement is signed once, and is active with it'); END;

-- A signature may have crossed a withdrawal; what was declined or refused never comes to life.
CREATE TRIGGER agreement_state BEFORE UPDATE OF state ON agreement
WHEN NEW.state <> OLD.state AND NOT (
    (OLD.state = 'PROPOSED' AND NEW.state <> 'PROPOSED')
    OR (OLD.state = 'WITHDRAWN' AND NEW.state IN ('ACTIVE', 'DECLINED'))
    OR (OLD.state = 'ACTIVE' AND NEW.state = 'REFUSED')
)
BEGIN SELECT RAISE(ABORT, 'an agreement does not go back'); END;

CREATE TRIGGER agreement_stays BEFORE DELETE ON agreement
BEGIN SELECT RAISE(ABORT, 'agreements are kept'); END;

-- A document of ours that waits for a second person before it is said. Never in force.
CREATE TABLE agreement_draft (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    conversation BLOB, -- of the negotiation that it counters in; NULL for a proposal
    peer TEXT NOT NULL,
    document BLOB NOT NULL,
    drafted_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Our accounts that put their names to a document.
CREATE TABLE agreement_approval (
    agreement BLOB NOT NULL,
    account TEXT NOT NULL,
    approved_at_ms INTEGER NOT NULL,
    PRIMARY KEY (agreement, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE joint_test (
    id BLOB PRIMARY KEY,
    conversation BLOB UNIQUE,
    peer TEXT NOT NULL,
    tester INTEGER NOT NULL, -- whether we began it
    agreement BLOB NOT NULL,
    their_agreement BLOB,
    our_checks TEXT NOT NULL DEFAULT '[]',
    their_checks TEXT NOT NULL DEFAULT '[]',
    findings TEXT NOT NULL DEFAULT '[]',
    secret BLOB, -- our value of the rehearsal draw, until the test is over
    report BLOB, -- the tester's, as both should sign it
    our_signature BLOB,
    their_signature BLOB,
    contested BLOB, -- the tested side's own report, if it signed another one
    state TEXT NOT NULL,
    began_at_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX joint_test_peer ON joint_test (peer, at_ms);

-- The rehearsal calendar: as seat_slot, of joint tests alone; empty when none is under way.
CREATE TABLE rehearsal_slot (
    seat INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    holder BLOB NOT NULL,
    PRIMARY KEY (seat, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX rehearsal_slot_holder ON rehearsal_slot (holder);

-- Pool announcements, ours (one per peer) and peers'.
CREATE TABLE pool_announcement (
    conversation BLOB PRIMARY KEY,
    owner TEXT NOT NULL,
    peer TEXT NOT NULL,
    pool TEXT NOT NULL,
    epoch TEXT NOT NULL,
    suite TEXT NOT NULL,
    root BLOB NOT NULL,
    body BLOB NOT NULL,
    log_index INTEGER NOT NULL,
    valid_from_ms INTEGER NOT NULL,
    valid_until_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    cosigned_at_ms INTEGER, -- of ours: when the peer's cosignature came to cover it
    UNIQUE (owner, peer, pool, epoch, suite)
) STRICT, WITHOUT ROWID;

-- The secret of one of our epochs, one for each suite that it is committed under; deleting it
-- shreds whatever was not opened.
CREATE TABLE pool_epoch (
    pool TEXT NOT NULL,
    epoch TEXT NOT NULL,
    suite TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    root BLOB NOT NULL,
    body BLOB NOT NULL,
    sealed_audit BLOB NOT NULL,
    made_at_ms INTEGER NOT NULL,
    PRIMARY KEY (pool, epoch, suite)
) STRICT, WITHOUT ROWID;

-- The members as they were committed, whatever happens to the expert table afterwards; the same
-- under every suite.
CREATE TABLE pool_member (
    pool TEXT NOT NULL,
    epoch TEXT NOT NULL,
    uid TEXT NOT NULL,
    sealed_name BLOB NOT NULL,
    uscc TEXT NOT NULL,
    specialties TEXT NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (pool, epoch, uid)
) STRICT, WITHOUT ROWID;

-- What the center owns --------------------------------------------------------------------

CREATE TABLE venue (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE room (
    id INTEGER PRIMARY KEY,
    venue INTEGER NOT NULL REFERENCES venue (id),
    name TEXT NOT NULL,
    overnight INTEGER NOT NULL,
    UNIQUE (venue, name)
) STRICT;

CREATE TABLE seat (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES room (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    equipment TEXT NOT NULL,
    UNIQUE (room, name)
) STRICT;

-- The key is the guarantee: no seat can be held twice in one slot of 30 minutes.
CREATE TABLE seat_slot (
    seat INTEGER NOT NULL REFERENCES seat (id),
    slot INTEGER NOT NULL,
    holder BLOB NOT NULL,
    PRIMARY KEY (seat, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX seat_slot_holder ON seat_slot (holder);
CREATE INDEX seat_slot_slot ON seat_slot (slot);

-- The rooms that a holder has ever had seats in, kept when the seats are given back.
CREATE TABLE room_use (
    holder BLOB NOT NULL,
    room INTEGER NOT NULL REFERENCES room (id),
    PRIMARY KEY (holder, room)
) STRICT, WITHOUT ROWID;

-- Hours by day: the office's ('office'), a venue's ('venue:3'), a room's ('room:7'). A scope
-- without a line is always open; minutes are from midnight in Asia/Shanghai.
CREATE TABLE opening (
    scope TEXT NOT NULL,
    day TEXT NOT NULL,
    opens INTEGER NOT NULL,
    closes INTEGER NOT NULL CHECK (0 <= opens AND opens < closes AND closes <= 1440),
    PRIMARY KEY (scope, day, opens)
) STRICT, WITHOUT ROWID;

-- Maintenance: a room, or one seat of it, is closed for a time. A lifted one counts no more.
CREATE TABLE closure (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES room (id),
    seat INTEGER REFERENCES seat (id), -- NULL: the whole room
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL CHECK (start_ms < end_ms),
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL,
    lifted_by TEXT,
    lifted_at_ms INTEGER
) STRICT;
CREATE INDEX closure_end ON closure (end_ms) WHERE lifted_at_ms IS NULL;

-- Days that are not as their day of the week is: by the State Council's notices, and the
-- center's own from its configuration, which count before them.
CREATE TABLE holiday (
    day TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('NOTICE', 'OWN')),
    kind TEXT NOT NULL CHECK (kind IN ('OFF', 'WORK')),
    name TEXT NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (day, origin)
) STRICT, WITHOUT ROWID;

-- Calendar feeds (RFC 5545). Only the hash of the token in a feed's address is kept.
CREATE TABLE calendar_feed (
    id BLOB PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    account TEXT NOT NULL,
    room INTEGER REFERENCES room (id), -- NULL: the whole center
    made_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER,
    revoked_by TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE expert (
    uid TEXT PRIMARY KEY,
    sealed_name BLOB NOT NULL,
    sealed_id_number BLOB NOT NULL,
    blind_id_number BLOB NOT NULL UNIQUE,
    sealed_phone BLOB NOT NULL,
    employer TEXT NOT NULL,
    uscc TEXT NOT NULL,
    specialties TEXT NOT NULL,
    status TEXT NOT NULL,
    changed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Leave and suspensions, committed to with the epochs that they reach into. A withdrawn one stays.
CREATE TABLE expert_absence (
    id BLOB PRIMARY KEY,
    uid TEXT NOT NULL REFERENCES expert (uid),
    kind TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    sealed_reason BLOB NOT NULL,
    filed_by TEXT NOT NULL,
    filed_at_ms INTEGER NOT NULL,
    withdrawn_by TEXT,
    withdrawn_at_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX expert_absence_uid ON expert_absence (uid);

-- Projects, bundles, bookings -------------------------------------------------------------

CREATE TABLE project (
    id BLOB PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    lots TEXT NOT NULL,
    kind TEXT NOT NULL,
    region_code TEXT NOT NULL,
    tenderee TEXT NOT NULL,
    tenderee_uscc TEXT NOT NULL,
    agency TEXT,
    agency_uscc TEXT,
    -- Competent units (项目主管部门、行政监督部门): [[name, credit code], ...].
    competent TEXT NOT NULL DEFAULT '[]',
    value_fen INTEGER NOT NULL DEFAULT 0,
    bid_deadline_ms INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    plan TEXT,
    created_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ruled_by TEXT,
    ruled_at_ms INTEGER,
    reason TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- What the staff verified before the experts of a project were drawn (核验抽取信息).
CREATE TABLE draw_check (
    project BLOB PRIMARY KEY REFERENCES project (id),
    verified TEXT NOT NULL,
    verified_by TEXT NOT NULL,
    verified_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Representatives of the tenderee (招标人代表).
CREATE TABLE representative (
    code BLOB PRIMARY KEY,
    project BLOB NOT NULL REFERENCES project (id),
    sealed_name BLOB NOT NULL,
    sealed_id_number BLOB NOT NULL,
    blind_id_number BLOB NOT NULL,
    UNIQUE (project, blind_id_number)
) STRICT, WITHOUT ROWID;

CREATE TABLE bundle (
    id BLOB PRIMARY KEY,
    project BLOB NOT NULL REFERENCES project (id),
    phase TEXT NOT NULL,
    decision TEXT,
    reason TEXT NOT NULL,
    decide_by_ms INTEGER NOT NULL,
    planned_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    -- A bundle of one leg that takes the place of a lost one: that leg, and the bundle it was of.
    replaces BLOB,
    joins BLOB REFERENCES bundle (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bundle_project ON bundle (project);
CREATE INDEX bundle_decided ON bundle (id) WHERE phase = 'DECIDED';
CREATE INDEX bundle_replaces ON bundle (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX bundle_joins ON bundle (joins) WHERE joins IS NOT NULL;

-- One leg, at the host and at the sub alike; project is known at the host only.
CREATE TABLE booking (
    conversation BLOB PRIMARY KEY,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    bundle BLOB NOT NULL,
    project BLOB,
    hold BLOB NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    promise_ends_ms INTEGER,
    given_up_at_ms INTEGER, -- at the sub: when seats in doubt were given free, as agreed
    cancelled_by TEXT, -- HOST or SUB
    cancelled_at_ms INTEGER, -- by the sub's clock; at the host once the sub's receipt tells it
    cancel_fee_fen INTEGER, -- what that costs whoever cancelled, by the agreement
    note TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX booking_bundle ON booking (bundle);
CREATE INDEX booking_peer ON booking (peer, role);

-- What hosts have decided on bundles, and on changes of them, as they signed it. Two rows of one
-- host on one subject prove that it told two decisions.
CREATE TABLE decision (
    host TEXT NOT NULL,
    bundle BLOB NOT NULL,
    change BLOB NOT NULL, -- empty for the decision on the bundle itself
    decision TEXT NOT NULL,
    envelope BLOB NOT NULL,
    brought_by TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (host, bundle, change, decision)
) STRICT;
CREATE INDEX booking_project ON booking (project);
CREATE INDEX booking_cancelled_untold ON booking (peer)
    WHERE role = 'HOST' AND cancelled_by = 'HOST' AND cancelled_at_ms IS NULL;

-- A change of the window of a booked evaluation, at the host. The seats are the host's own:
-- before and after.
CREATE TABLE change (
    id BLOB PRIMARY KEY,
    bundle BLOB NOT NULL REFERENCES bundle (id),
    kind TEXT NOT NULL CHECK (kind IN ('MOVE', 'EXTEND')),
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    before_start_ms INTEGER NOT NULL,
    before_end_ms INTEGER NOT NULL,
    by_law INTEGER NOT NULL,
    why TEXT NOT NULL,
    seats TEXT NOT NULL,
    phase TEXT NOT NULL,
    decision TEXT,
    reason TEXT NOT NULL DEFAULT '',
    decide_by_ms INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at_ms INTEGER NOT NULL
) STRICT; -- with rowids: in the order in which they were asked for, whatever clocks say
CREATE INDEX change_bundle ON change (bundle);
CREATE INDEX change_decided ON change (id) WHERE phase = 'DECIDED';

-- What was asked of one leg, at both sides, and how it was answered and settled. before_* is
-- the window that counted when it was asked; the seats are those of the sub, before and after.
CREATE TABLE leg_change (
    conversation BLOB NOT NULL,
    change BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('MOVE', 'EXTEND')),
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    before_start_ms INTEGER NOT NULL,
    before_end_ms INTEGER NOT NULL,
    by_law INTEGER NOT NULL,
    why TEXT NOT NULL,
    seats TEXT,
    answer TEXT,
    answer_why TEXT NOT NULL DEFAULT '',
    clause TEXT NOT NULL DEFAULT '',
    alternative_start_ms INTEGER NOT NULL DEFAULT 0,
    decision TEXT,
    asked_at_ms INTEGER NOT NULL,
    PRIMARY KEY (conversation, change)
) STRICT; -- with rowids: in the order in which they were asked for, whatever clocks say
CREATE INDEX leg_change_change ON leg_change (change);

-- Reports of readiness, at both sides; start_ms is of the window that one was made for.
CREATE TABLE readiness (
    conversation BLOB NOT NULL,
    moment TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    checks TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX readiness_conversation ON readiness (conversation);

-- What the sub's people said of their site; the last answer for a window counts.
CREATE TABLE readiness_answer (
    conversation BLOB NOT NULL,
    start_ms INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    reason TEXT NOT NULL,
    answered_by TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (conversation, start_ms)
) STRICT, WITHOUT ROWID;

-- What went against a promise and people must settle: seats given free while in doubt.
CREATE TABLE booking_dispute (
    conversation BLOB PRIMARY KEY,
    text_zh TEXT NOT NULL,
    text_en TEXT NOT NULL,
    opened_at_ms INTEGER NOT NULL,
    resolved_by TEXT,
    resolved_at_ms INTEGER,
    resolution TEXT
) STRICT, WITHOUT ROWID;

-- A lottery of sub-venues that we hold for a project. sealed_value is our random value.
CREATE TABLE selection (
    id BLOB PRIMARY KEY,
    project BLOB NOT NULL REFERENCES project (id),
    mode TEXT NOT NULL,
    suite TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    sealed_value BLOB NOT NULL,
    progress TEXT NOT NULL,
    ranked TEXT NOT NULL DEFAULT '[]',
    declined TEXT NOT NULL DEFAULT '[]',
    note TEXT NOT NULL DEFAULT '',
    asked_by TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX selection_project ON selection (project);

-- What the agency asks for while the date is not fixed (pseudo-booking); it holds no capacity.
CREATE TABLE undated (
    project BLOB PRIMARY KEY REFERENCES project (id),
    request TEXT NOT NULL,
    filed_by TEXT NOT NULL,
    filed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Another window that a sub proposed when it said no.
CREATE TABLE alternative (
    booking BLOB PRIMARY KEY,
    start_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One conversation of a lottery, at its host and at a candidate alike.
CREATE TABLE candidacy (
    conversation BLOB PRIMARY KEY,
    selection BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    invite BLOB NOT NULL,
    sealed_value BLOB, -- at the candidate: our random value
    commitment BLOB, -- at the host: the candidate's
    value BLOB, -- at the host: what the candidate disclosed
    UNIQUE (selection, attempt, role, peer)
) STRICT, WITHOUT ROWID;

-- Statements of usage, ours (as the sub) and peers'. Both words' bodies are as they were said.
CREATE TABLE usage_statement (
    conversation BLOB PRIMARY KEY,
    agreement BLOB NOT NULL,
    peer TEXT NOT NULL,
    day TEXT NOT NULL,
    stated_by TEXT NOT NULL,
    stated BLOB NOT NULL,
    answer_type TEXT,
    answered BLOB,
    at_ms INTEGER NOT NULL,
    resolved_by TEXT,
    resolved_at_ms INTEGER,
    resolution TEXT,
    UNIQUE (agreement, stated_by, day)
) STRICT, WITHOUT ROWID;

-- Draws -----------------------------------------------------------------------------------

-- Our share of a draw. sealed_value is our random value; reveal_after the size of our log that
-- the peer must have cosigned before we reveal it. exclusion_salt opens the exclusion commitment.
CREATE TABLE draw (
    conversation BLOB PRIMARY KEY,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    booking BLOB NOT NULL,
    project BLOB,
    pool TEXT NOT NULL,
    epoch TEXT NOT NULL,
    sealed_value BLOB,
    reveal_after INTEGER,
    exclusion_salt BLOB,
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX draw_booking ON draw (booking);

-- At the owner: who was asked, in order. The uid never leaves this table but in the sealed list.
CREATE TABLE invitation (
    draw BLOB NOT NULL REFERENCES draw (conversation),
    entry BLOB NOT NULL,
    slot INTEGER NOT NULL,
    uid TEXT NOT NULL,
    response TEXT,
    evidence BLOB,
    invited_at_ms INTEGER NOT NULL,
    answered_at_ms INTEGER,
    sealed_receipt BLOB, -- the gateway's signed record of the call: it names a telephone
    keys TEXT, -- what was pressed, in order
    sealed_code BLOB, -- the expert's code, until the message with it is on its way
    blind_code BLOB, -- by which the code is known again
    PRIMARY KEY (draw, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitation_uid ON invitation (uid);
CREATE UNIQUE INDEX invitation_code ON invitation (blind_code) WHERE blind_code IS NOT NULL;

-- Lists sealed to the e-trading system, and its receipts.
CREATE TABLE sealed_list (
    draw BLOB NOT NULL REFERENCES draw (conversation),
    revision INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    info BLOB NOT NULL,
    members INTEGER NOT NULL,
    salt BLOB NOT NULL,
    receipt TEXT,
    PRIMARY KEY (draw, revision)
) STRICT, WITHOUT ROWID;

-- At the owner: who of those on a list has left it, and whether that was reported yet. One after
-- the other, as each is followed by the next rank. Why somebody recused is told to nobody.
CREATE TABLE departure (
    draw BLOB NOT NULL REFERENCES draw (conversation),
    entry BLOB NOT NULL,
    response TEXT NOT NULL,
    sealed_reason BLOB NOT NULL,
    salt BLOB NOT NULL,
    proof BLOB NOT NULL,
    by_whom TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    reported INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (draw, entry)
) STRICT, WITHOUT ROWID;

-- At the host: who bids, encrypted; entered once the bids are open. And which lists the regulator
-- was told of last: of a draw its employers by revision, of a booking its bidders by a digest.
CREATE TABLE bidders (
    project BLOB PRIMARY KEY REFERENCES project (id),
    sealed BLOB NOT NULL,
    entered_by TEXT NOT NULL,
    entered_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE compared (
    subject BLOB PRIMARY KEY,
    mark BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Random values from outside: at the owner of a pool one row for each contributor that it asks,
-- at a contributor one for each draw. A value is given once for a draw, whoever asks again.
CREATE TABLE contribution (
    conversation BLOB PRIMARY KEY REFERENCES conversation (id),
    draw BLOB NOT NULL,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    sealer TEXT NOT NULL,
    open_hash BLOB NOT NULL,
    sealed_value BLOB,
    UNIQUE (draw, role, peer)
) STRICT, WITHOUT ROWID;

-- Sessions --------------------------------------------------------------------------------

CREATE TABLE session (
    conversation BLOB PRIMARY KEY,
    role TEXT NOT NULL,
    peer TEXT NOT NULL,
    project BLOB,
    booking BLOB NOT NULL,
    convene BLOB NOT NULL,
    lot_code TEXT,
    project_name TEXT,
    chair BLOB,
    report BLOB,
    report_digest BLOB,
    manifest_digest BLOB,
    room TEXT,
    sealed_entrances BLOB,
    started_at_ms INTEGER,
    finished_at_ms INTEGER,
    handover_due_ms INTEGER,
    superseded INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX session_booking ON session (booking);
CREATE INDEX session_project ON session (project);

-- All members that this side knows; uid only for our own site's experts. A host with several
-- sub-venues has one session with each: its own members are in one of them, and count in all.
CREATE TABLE member (
    session BLOB NOT NULL REFERENCES session (conversation),
    code BLOB NOT NULL,
    site TEXT NOT NULL,
    capacity TEXT NOT NULL,
    uid TEXT,
    checked_in_at_ms INTEGER,
    ballot BLOB,
    signature_digest BLOB,
    sealed_signature BLOB,
    PRIMARY KEY (session, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE archive_item (
    session BLOB NOT NULL REFERENCES session (conversation),
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    retention TEXT NOT NULL,
    PRIMARY KEY (session, owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE dossier (
    session BLOB PRIMARY KEY REFERENCES session (conversation),
    file_name TEXT NOT NULL,
    digest BLOB NOT NULL,
    made_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Disclosure -------------------------------------------------------------------------------

-- An award was determined (中标结果确定): after it the members' names are no secret any more. By
-- the project at its host, by the booking at a sub.
CREATE TABLE award (
    subject BLOB PRIMARY KEY,
    determined_on TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    recorded_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER award_is_final BEFORE UPDATE ON award
BEGIN
    SELECT RAISE (ABORT, 'an award is recorded once');
END;
CREATE TRIGGER award_stays BEFORE DELETE ON award
BEGIN
    SELECT RAISE (ABORT, 'an award is recorded once');
END;

-- Acts of two persons that show the names of one draw before the stage that shows them: what was
-- proposed, and then step by step what was done. Each step is a leaf of our log by its digest.
CREATE TABLE name_opening (
    id BLOB PRIMARY KEY,
    draw BLOB NOT NULL REFERENCES draw (conversation),
    sealed_reason BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX name_opening_draw ON name_opening (draw);
CREATE TABLE name_opening_step (
    opening BLOB NOT NULL REFERENCES name_opening (id),
    step INTEGER NOT NULL,
    what TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    record BLOB NOT NULL,
    suite TEXT NOT NULL,
    log_index INTEGER NOT NULL,
    PRIMARY KEY (opening, step)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER name_opening_is_final BEFORE UPDATE ON name_opening
BEGIN
    SELECT RAISE (ABORT, 'acts of two persons are append-only');
END;
CREATE TRIGGER name_opening_stays BEFORE DELETE ON name_opening
BEGIN
    SELECT RAISE (ABORT, 'acts of two persons are append-only');
END;
CREATE TRIGGER name_opening_step_is_final BEFORE UPDATE ON name_opening_step
BEGIN
    SELECT RAISE (ABORT, 'acts of two persons are append-only');
END;
CREATE TRIGGER name_opening_step_stays BEFORE DELETE ON name_opening_step
BEGIN
    SELECT RAISE (ABORT, 'acts of two persons are append-only');
END;

-- People and their work -------------------------------------------------------------------

CREATE TABLE account (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    totp_sealed BLOB, -- the secret of the one-time codes; NULL: the password alone lets in
    totp_offered BLOB, -- shown once, not yet confirmed with a code
    totp_last_step INTEGER NOT NULL DEFAULT 0 -- no code of this step or an earlier one counts
) STRICT, WITHOUT ROWID;

-- Only the hash of a token is kept. subject: account name, or member code in hex.
CREATE TABLE login (
    token_hash BLOB PRIMARY KEY,
    role TEXT NOT NULL,
    subject TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE todo (
    id INTEGER PRIMARY KEY,
    role TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject BLOB NOT NULL,
    text_zh TEXT NOT NULL,
    text_en TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    remind_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    reminded_at_ms INTEGER,
    urges INTEGER NOT NULL, -- whether it is reminded of and escalated
    escalated_at_ms INTEGER,
    done_at_ms INTEGER,
    done_by TEXT,
    UNIQUE (kind, subject)
) STRICT;
CREATE INDEX todo_open ON todo (due_ms) WHERE done_at_ms IS NULL;

-- What this center asked of its regulator (监督部门), and what the regulator answered, as signed.
CREATE TABLE oversight_asked (
    conversation BLOB PRIMARY KEY,
    word TEXT NOT NULL,
    draw BLOB, -- NULL: of several draws
    asked_at_ms INTEGER NOT NULL,
    answer TEXT,
    envelope BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX oversight_asked_draw ON oversight_asked (draw) WHERE draw IS NOT NULL;

-- As a regulator: what centers asked, and what its officers made of it. Acts of the officers'
-- own accord stand here too. Accounts are never told to anybody: words carry pseudonyms.
CREATE TABLE oversight_request (
    id BLOB PRIMARY KEY, -- the conversation; of an act of our own accord a fresh id
    word TEXT NOT NULL,
    peer TEXT NOT NULL,
    suite TEXT NOT NULL,
    subject BLOB NOT NULL, -- a draw, or the digest of what is to be opened
    body BLOB NOT NULL,
    reason TEXT NOT NULL,
    asked_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    decision TEXT,
    grounds TEXT,
    proposed_by TEXT,
    confirmed_by TEXT,
    decided_at_ms INTEGER,
    false_escrow TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX oversight_request_subject ON oversight_request (subject);

-- As a regulator: bidders and employers, sealed to us as they came. Opened in memory only.
CREATE TABLE oversight_submission (
    conversation BLOB NOT NULL,
    word TEXT NOT NULL,
    peer TEXT NOT NULL,
    suite TEXT NOT NULL,
    draw BLOB NOT NULL,
    body BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    evaluation BLOB NOT NULL, -- as the host names it; empty for employers
    PRIMARY KEY (conversation, draw)
) STRICT, WITHOUT ROWID;
CREATE INDEX oversight_submission_draw ON oversight_submission (draw);
CREATE INDEX oversight_submission_evaluation ON oversight_submission (evaluation, peer);

-- As a regulator: invitations that our choice fell on, and what became of checking them. Whom to
-- call and what was recorded is sealed, and forgotten once it is stated that all was well.
CREATE TABLE call_back (
    id BLOB PRIMARY KEY,
    conversation BLOB NOT NULL, -- in which its record was asked for
    draw BLOB NOT NULL,
    entry BLOB NOT NULL,
    owner TEXT NOT NULL,
    sealer TEXT NOT NULL,
    suite TEXT NOT NULL,
    pool TEXT NOT NULL,
    epoch TEXT NOT NULL,
    response TEXT NOT NULL,
    evidence BLOB NOT NULL,
    gateway_key BLOB NOT NULL,
    asked_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    wrong TEXT,
    sealed_call BLOB,
    finding TEXT,
    grounds TEXT,
    proposed_by TEXT,
    confirmed_by TEXT,
    decided_at_ms INTEGER,
    UNIQUE (draw, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_back_conversation ON call_back (conversation);

-- As a center: what a regulator chooses by in a draw of our pool, and what it found in any draw
-- of ours.
CREATE TABLE call_choice (
    draw BLOB PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE call_checked (
    conversation BLOB PRIMARY KEY,
    draw BLOB NOT NULL,
    entry BLOB NOT NULL,
    word TEXT NOT NULL,
    outcome TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    UNIQUE (draw, entry, word)
) STRICT, WITHOUT ROWID;

-- What must still be done outside: calls, messages, deliveries. Done at least once, each
-- under a key that the outside system uses to do it only once.
CREATE TABLE errand (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    argument TEXT NOT NULL,
    not_before_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    done_at_ms INTEGER
) STRICT;
CREATE INDEX errand_open ON errand (not_before_ms) WHERE done_at_ms IS NULL;

-- Commands that came over the API under an Idempotency-Key, with what they came to.
CREATE TABLE command (
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    path TEXT NOT NULL,
    result TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (subject, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX command_age ON command (at_ms);
