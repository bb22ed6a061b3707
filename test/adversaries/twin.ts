/** Two bodies with one key, each honest to its own half of the others: what a copied data folder does. */
import type { Adversary } from '../sim/types.ts'
import { everybody } from './tell.ts'

export const twin: Adversary = { name: 'twin', twin: true, tell: everybody }
