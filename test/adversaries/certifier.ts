/** Claims with every vote that all is decided: certificates that nobody signed but itself. */
import { bitmapOf } from '@gradmesh/wire'
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

export const certifier: Adversary = {
  name: 'certifier',
  twin: false,
  tell(liar, message) {
    const told = everybody(liar, message)
    if (message.type !== 'vote') return told
    const { validator: _, signature, ...body } = message.vote
    const bitmap = bitmapOf(liar.others.length + 1, [liar.self])
    const certificate = { ...body, bitmap, signatures: [signature] }
    return [...told, ...everybody(liar, { type: 'certificate', certificate })]
  }
}
