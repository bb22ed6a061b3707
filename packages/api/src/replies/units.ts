/** Figures that several replies have. */
import { integer, number } from '../schema.ts'

export const duration = (description: string) => number({ description, minimum: 0 })
export const wallMs = (description: string) =>
  integer({ description: `${description}; milliseconds since 1970` })
