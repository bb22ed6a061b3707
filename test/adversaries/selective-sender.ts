/** Follows the rules but lets each message reach only some, so that the others see half the truth. */
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

export const selectiveSender: Adversary = {
  name: 'selective-sender',
  twin: false,
  tell: (liar, message) => everybody(liar, message).filter(() => liar.prng.oneIn(2))
}
