import type { Adversary } from '../sim/types.ts'
import { bypasser } from './bypasser.ts'
import { certifier } from './certifier.ts'
import { doubleVoter } from './double-voter.ts'
import { equivocator } from './equivocator.ts'
import { grafter } from './grafter.ts'
import { selectiveSender } from './selective-sender.ts'
import { twin } from './twin.ts'
import { withholder } from './withholder.ts'

export const adversaries: readonly Adversary[] = [
  bypasser,
  certifier,
  equivocator,
  doubleVoter,
  grafter,
  twin,
  selectiveSender,
  withholder
]
