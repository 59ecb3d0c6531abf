/* The ordering rules (consensus.md section 4) for n = 4, f = 1: three honest replicas, one Byzantine, VIEWS views.
 *
 * Network: every honest vote, once cast, may reach anyone at any later time or never. So the model keeps only the set of
 * honest votes, and a replica may act on any certificate that the votes so far allow.
 * Byzantine: its vote counts for everything at once (a certificate needs QUORUM - 1 honest votes), and every leader may
 * propose two blocks with any justified parents, which covers every choice of who leads.
 * Crashes: votes are durable before they are sent, so a restart changes nothing here; that the program keeps
 * this promise is the simulator's business. An optional amnesia (-DAMNESIA) wipes one replica's memory, after which it follows
 * the rule of section 7.
 *
 * Checked: no two finalized blocks conflict; no honest replica contradicts itself.
 * -DBUG_x removes one rule; tests/model.sh expects each such variant to fail.
 */
#ifndef VIEWS
#define VIEWS 3
#endif
#define HONEST 3
#ifdef BUG_QUORUM
#define NEED 1 /* honest votes in a quorum of 2 */
#else
#define NEED 2 /* honest votes in a quorum of 3 */
#endif

/* Block k (1 or 2) of view v has index B(v,k); 0 is genesis. Views count from 1. */
#define BLOCKS (2 * VIEWS + 1)
#define B(v, k) (2 * (v) - 2 + (k))
#define VIEW_OF(b) (((b) + 1) / 2)
#define AT(r, v) ((r) * (VIEWS + 1) + (v))

byte current[HONEST] = 1;                /* view a replica is in */
byte notarized[HONEST * (VIEWS + 1)];    /* block that it voted to notarize, 0 none */
byte finalized[HONEST * (VIEWS + 1)];    /* block that it voted to finalize, 0 none */
bit nullified[HONEST * (VIEWS + 1)];
bit exists[BLOCKS];
byte parent[BLOCKS];
#ifdef AMNESIA
bit wiped;               /* replica 0 has lost its memory once */
byte abstain;            /* and casts no vote in views up to this */
byte old_notarized[VIEWS + 1], old_finalized[VIEWS + 1];
bit old_nullified[VIEWS + 1];
#endif

/* Replica 0's votes from before its amnesia still travel. */
#ifdef AMNESIA
#define OLD_N(b) (wiped && old_notarized[VIEW_OF(b)] == (b) && notarized[AT(0, VIEW_OF(b))] != (b))
#define OLD_F(b) (wiped && old_finalized[VIEW_OF(b)] == (b) && finalized[AT(0, VIEW_OF(b))] != (b))
#define OLD_0(v) (wiped && old_nullified[v] && !nullified[AT(0, v)])
#else
#define OLD_N(b) 0
#define OLD_F(b) 0
#define OLD_0(v) 0
#endif

#define NOTARIZATION(b)                                                                                        \
    ((b) == 0 || (notarized[AT(0, VIEW_OF(b))] == (b)) + (notarized[AT(1, VIEW_OF(b))] == (b)) +               \
                     (notarized[AT(2, VIEW_OF(b))] == (b)) + OLD_N(b) >= NEED)
#define FINALIZATION(b)                                                                                        \
    ((finalized[AT(0, VIEW_OF(b))] == (b)) + (finalized[AT(1, VIEW_OF(b))] == (b)) +                           \
         (finalized[AT(2, VIEW_OF(b))] == (b)) + OLD_F(b) >= NEED)
#define NULLIFICATION(v) (nullified[AT(0, v)] + nullified[AT(1, v)] + nullified[AT(2, v)] + OLD_0(v) >= NEED)

#ifdef AMNESIA
#define MAY_VOTE(r, v) ((r) != 0 || !wiped || (v) > abstain)
#else
#define MAY_VOTE(r, v) 1
#endif

#ifdef BUG_FINALIZE_AFTER_NULLIFY
#define NOT_NULLIFIED(r, v) 1
#else
#define NOT_NULLIFIED(r, v) (!nullified[AT(r, v)])
#endif
#ifdef BUG_FINALIZE_OTHER
#define NO_OTHER_NOTARIZED(r, v, b) 1
#else
#define NO_OTHER_NOTARIZED(r, v, b) (notarized[AT(r, v)] == 0 || notarized[AT(r, v)] == b)
#endif

/* No honest replica contradicts itself: the pairs of section 9. Replica 0 is checked against its forgotten votes too. */
#define CLASH(r, v)                                                                                            \
    (finalized[AT(r, v)] != 0 &&                                                                               \
     (nullified[AT(r, v)] || (notarized[AT(r, v)] != 0 && notarized[AT(r, v)] != finalized[AT(r, v)])))
#ifdef AMNESIA
#define DIFFER(a, b) ((a) != 0 && (b) != 0 && (a) != (b))
#define FORGOT(v)                                                                                              \
    (DIFFER(old_notarized[v], notarized[AT(0, v)]) || DIFFER(old_finalized[v], finalized[AT(0, v)]) ||         \
     DIFFER(old_finalized[v], notarized[AT(0, v)]) || DIFFER(old_notarized[v], finalized[AT(0, v)]) ||         \
     (old_nullified[v] && finalized[AT(0, v)] != 0) || (old_finalized[v] != 0 && nullified[AT(0, v)]))
#else
#define FORGOT(v) 0
#endif


/* Two finalized blocks must lie on one chain: walk down from the later one. */
inline check_agreement() {
        b = 1;
        do
        :: b < BLOCKS ->
            if
            :: exists[b] && FINALIZATION(b) ->
                c = b + 1;
                do
                :: c < BLOCKS ->
                    if
                    :: exists[c] && FINALIZATION(c) ->
                        p = c;
                        do
                        :: p > b && VIEW_OF(p) >= VIEW_OF(b) && p != b -> p = parent[p]
                        :: else -> break
                        od;
                        assert(p == b)
                    :: else
                    fi;
                    c++
                :: else -> break
                od
            :: else
            fi;
            b++
        :: else -> break
        od;
        b = 0; c = 0; p = 0
}

/* Honest replicas are alike, so only sorted states are kept: a sixth of them. Amnesia makes replica 0 special. */
#if VIEWS > 2
#define THIRD(r) IN_VIEW(r, 3)
#else
#define THIRD(r) 0
#endif
#define IN_VIEW(r, v) (notarized[AT(r, v)] + 8 * finalized[AT(r, v)] + 64 * nullified[AT(r, v)])
#define KEY(r) (current[r] + 8 * (IN_VIEW(r, 1) + 128 * (IN_VIEW(r, 2) + 128 * THIRD(r))))
inline sort_pair(x, y) {
    if
    :: KEY(x) > KEY(y) ->
        p = current[x]; current[x] = current[y]; current[y] = p;
        b = 1;
        do
        :: b <= VIEWS ->
            p = notarized[AT(x, b)]; notarized[AT(x, b)] = notarized[AT(y, b)]; notarized[AT(y, b)] = p;
            p = finalized[AT(x, b)]; finalized[AT(x, b)] = finalized[AT(y, b)]; finalized[AT(y, b)] = p;
            p = nullified[AT(x, b)]; nullified[AT(x, b)] = nullified[AT(y, b)]; nullified[AT(y, b)] = p;
            b++
        :: else -> break
        od;
        b = 0; p = 0
    :: else
    fi
}
inline sort() {
#ifndef AMNESIA
    sort_pair(0, 1); sort_pair(1, 2); sort_pair(0, 1)
#else
    skip
#endif
}

#define ENTERABLE(v) ((v) == 1 || NOTARIZATION(B((v) - 1, 1)) || NOTARIZATION(B((v) - 1, 2)) || NULLIFICATION((v) - 1))

#ifdef BUG_NO_SKIP_CERTIFICATES
#define SKIPPED(u) 1
#else
#define SKIPPED(u) NULLIFICATION(u)
#endif
#define BETWEEN(p, v)                                                                                          \
    ((VIEW_OF(p) + 1 >= (v) || SKIPPED(VIEW_OF(p) + 1)) && (VIEW_OF(p) + 2 >= (v) || SKIPPED(VIEW_OF(p) + 2)))
#define JUSTIFIED(p, v) (((p) == 0 || (exists[p] && NOTARIZATION(p))) && BETWEEN(p, v))

/* One step of the world each. Entering a view is part of the first vote there, and a proposal part of the first vote
 * for it, because nobody sees them before. */
#define FIRST(r, v, k, p)                                                                                      \
    ::d_step { MAY_NOTARIZE(r, v) && !exists[B(v, k)] && ((k) == 1 || exists[B(v, 1)]) && JUSTIFIED(p, v) ->   \
        exists[B(v, k)] = 1; parent[B(v, k)] = p;                                                              \
        current[r] = v; notarized[AT(r, v)] = B(v, k); CHECK(r, v); sort() }
#define NOTARIZE(r, v, k)                                                                                      \
    ::d_step { MAY_NOTARIZE(r, v) && exists[B(v, k)] ->                                                        \
        current[r] = v; notarized[AT(r, v)] = B(v, k); CHECK(r, v); sort() }
#define MAY_NOTARIZE(r, v)                                                                                     \
    (current[r] <= (v) && MAY_VOTE(r, v) && notarized[AT(r, v)] == 0 && !nullified[AT(r, v)] && ENTERABLE(v))
#define NULLIFY(r, v)                                                                                          \
    ::d_step { current[r] <= (v) && MAY_VOTE(r, v) && !nullified[AT(r, v)] && finalized[AT(r, v)] == 0 &&      \
        ENTERABLE(v) ->                                                                                        \
        current[r] = v; nullified[AT(r, v)] = 1; CHECK(r, v); sort() }
/* In whatever view the replica is by now; it then is beyond v. */
#define FINALIZE(r, v, k)                                                                                      \
    ::d_step { exists[B(v, k)] && MAY_VOTE(r, v) && finalized[AT(r, v)] == 0 && NOT_NULLIFIED(r, v) &&         \
        NO_OTHER_NOTARIZED(r, v, B(v, k)) && NOTARIZATION(B(v, k)) ->                                          \
        finalized[AT(r, v)] = B(v, k);                                                                         \
        if :: current[r] <= (v) -> current[r] = (v) + 1 :: else fi;                                            \
        CHECK(r, v); check_agreement(); sort() }
#define CHECK(r, v) assert(!CLASH(r, v) && !FORGOT(v))

#define PROPOSE_ON(v, p) FIRST(0, v, 1, p) FIRST(1, v, 1, p) FIRST(2, v, 1, p) FIRST(0, v, 2, p) FIRST(1, v, 2, p) FIRST(2, v, 2, p)
#define VOTES(r, v)                                                                                            \
    NOTARIZE(r, v, 1) NOTARIZE(r, v, 2) NULLIFY(r, v) FINALIZE(r, v, 1) FINALIZE(r, v, 2)
#define VOTES_OF_ALL(v) VOTES(0, v) VOTES(1, v) VOTES(2, v)

active proctype world() {
    byte p, b, c;
    end: do
    PROPOSE_ON(1, 0)
    VOTES_OF_ALL(1)
    PROPOSE_ON(2, 0) PROPOSE_ON(2, 1) PROPOSE_ON(2, 2)
    VOTES_OF_ALL(2)
#if VIEWS > 2
    PROPOSE_ON(3, 0) PROPOSE_ON(3, 1) PROPOSE_ON(3, 2) PROPOSE_ON(3, 3) PROPOSE_ON(3, 4)
    VOTES_OF_ALL(3)
#endif
#ifdef AMNESIA
    /* Replica 0 forgets; it rejoins with the certificates of Q = 3 peers, two of them honest, and abstains up to the
     * highest certified view + 2. An honest replica in view w holds a certificate for w - 1. */
    ::d_step { !wiped ->
        wiped = 1;
        b = 1;
        do
        :: b <= VIEWS ->
            old_notarized[b] = notarized[AT(0, b)]; old_finalized[b] = finalized[AT(0, b)];
            old_nullified[b] = nullified[AT(0, b)];
            notarized[AT(0, b)] = 0; finalized[AT(0, b)] = 0; nullified[AT(0, b)] = 0;
            b++
        :: else -> break
        od;
        b = (current[1] > current[2] -> current[1] : current[2]);
        current[0] = b;
#ifdef BUG_AMNESIA_VOTES
        abstain = 0;
#else
        abstain = b - 1 + 2;
#endif
        b = 0 }
#endif
    od
}
