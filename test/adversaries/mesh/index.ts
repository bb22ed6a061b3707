/** Scores do not exist yet, so nobody lies about them. */
import { deltaContradictor } from './delta-contradictor.ts'
import { doubleVoter } from './double-voter.ts'
import { equivocatingLeader } from './equivocating-leader.ts'
import { evidenceForger } from './evidence-forger.ts'
import { payloadWithholder } from './payload-withholder.ts'
import { replayer } from './replayer.ts'
import { selectiveSender } from './selective-sender.ts'
import { twins } from './twins.ts'
import type { MeshAdversary } from './types.ts'
import { voteWithholder } from './vote-withholder.ts'

export const meshAdversaries: readonly MeshAdversary[] = [
  deltaContradictor,
  doubleVoter,
  equivocatingLeader,
  evidenceForger,
  payloadWithholder,
  replayer,
  selectiveSender,
  twins,
  voteWithholder
]
