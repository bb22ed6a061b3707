/** Leads, listens, and never votes; its own blocks reach one peer only. */
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

export const withholder: Adversary = {
  name: 'withholder',
  twin: false,
  tell(liar, message) {
    if (message.type === 'vote') return []
    if (message.type === 'block') return [{ to: liar.prng.pick(liar.others), message }]
    return everybody(liar, message)
  }
}
