/** What several adversaries share. */
import type { Delivery, Liar, Message } from '../sim/types.ts'

export const everybody = (liar: Liar, message: Message): readonly Delivery[] =>
  liar.others.map(to => ({ to, message }))
