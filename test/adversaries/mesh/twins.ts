/** Two machines with one key, each with a disk of its own: what a copied data folder does. */
import type { MeshAdversary } from './types.ts'

export const twins: MeshAdversary = { name: 'twins', twin: true, bend: net => net }
