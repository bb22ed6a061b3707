/** Everything that one who is not in the mesh, or is a trainer and no more, can try over the network. */
import { contradictor } from './contradictor.ts'
import { flooder } from './flooder.ts'
import { deltaForger, usurper } from './forger.ts'
import { garbageSender } from './garbage-sender.ts'
import { nanSender } from './nan-sender.ts'
import { overAnnouncer, oversizer } from './oversizer.ts'
import { replayer } from './replayer.ts'
import { rudeAsker } from './rude-asker.ts'
import type { Misdeed } from './stranger.ts'
import { wrongBase, wrongRound } from './wrong-round.ts'

export { type Code, type Misdeed, Stranger } from './stranger.ts'

/** By one who is registered nowhere. */
export const outsiders: readonly Misdeed[] = [
  garbageSender,
  nanSender(['LEDGER_DELTA_TRAINER']),
  wrongRound,
  wrongBase,
  replayer,
  deltaForger,
  usurper,
  oversizer,
  overAnnouncer(['LEDGER_DELTA_TRAINER']),
  rudeAsker,
  flooder
]

/** By a registered trainer. */
export const insiders: readonly Misdeed[] = [
  nanSender(['DELTA_SCALE']),
  wrongRound,
  wrongBase,
  overAnnouncer(['LEDGER_DELTA_BYTES']),
  contradictor,
  flooder
]
