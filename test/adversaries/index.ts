import type { Adversary } from '../sim/types.ts'
import { bypasser } from './bypasser.ts'
import { doubleVoter } from './double-voter.ts'
import { equivocator } from './equivocator.ts'
import { selectiveSender } from './selective-sender.ts'
import { twin } from './twin.ts'
import { withholder } from './withholder.ts'

export const adversaries: readonly Adversary[] = [
  bypasser,
  equivocator,
  doubleVoter,
  twin,
  selectiveSender,
  withholder
]
