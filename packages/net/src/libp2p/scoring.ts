/**
 * Gossip scores. What the numbers are for is in the README's table; in short: only misbehaviour lowers
 * a score. Sharing an address, being quiet, slow or new never does, so peers on one host, behind one
 * router or with an idle topic stay at or above zero.
 */
import type { GossipsubOpts } from '@chainsafe/libp2p-gossipsub'

/** Below this a peer's messages are not read. Nine invalid messages in one topic, or P5, go below. */
export const GRAYLIST_BELOW = -80

/** P5 for a peer that is out: beyond what the small rewards of P2 could make good. */
const OUT_SCORE = -200

/** Per second; half is forgiven in ten minutes, as in strikes.ts. */
const INVALID_DECAY = 0.5 ** (1 / 600)

const topicScore = {
  topicWeight: 1,
  // P1 off: standing in a mesh proves nothing.
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1000,
  timeInMeshCap: 1,
  // P2: at most +1 a topic, enough to prefer who delivers first, too little to pay for an offence.
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 10,
  // P3 and P3b off: votes and deltas come in bursts, and silence between them is no offence.
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 1000,
  meshMessageDeliveriesActivation: 5000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  // P4: the square of the invalid messages: 3 cost 9, 9 cost 81.
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: INVALID_DECAY
}

/** `isOut` takes a libp2p peer id in text form. */
export const scoring = (
  topics: Iterable<string>,
  isOut: (peerId: string) => boolean
): Required<Pick<GossipsubOpts, 'scoreParams' | 'scoreThresholds'>> => ({
  scoreParams: {
    topics: Object.fromEntries([...topics].map(topic => [topic, topicScore])),
    topicScoreCap: 10,
    appSpecificScore: peerId => (isOut(peerId) ? OUT_SCORE : 0),
    appSpecificWeight: 1,
    // P6 off: a laptop with sixteen peers, a container host and a home router are all one address.
    IPColocationFactorWeight: 0,
    IPColocationFactorThreshold: 1,
    // P7: a busy GPU breaks a promise now and then; a flood of broken ones still costs.
    behaviourPenaltyWeight: -1,
    behaviourPenaltyThreshold: 8,
    behaviourPenaltyDecay: 0.9,
    decayInterval: 1000,
    decayToZero: 0.01,
    retainScore: 3_600_000
  },
  scoreThresholds: {
    gossipThreshold: -20,
    publishThreshold: -40,
    graylistThreshold: GRAYLIST_BELOW,
    acceptPXThreshold: 1_000_000,
    opportunisticGraftThreshold: 0
  }
})
