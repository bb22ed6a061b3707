/** Which elements dropout keeps, from the kernel's own reference. */
import { dropout, dropoutScalars } from '@gradmesh/tensor'

export const keeps = (
  options: { readonly seed: number; readonly step: number; readonly stream: number; readonly rate: number },
  i: number
): boolean => {
  const x = new Float64Array(i + 1).fill(1)
  const out = new Float64Array(i + 1)
  dropout.reference({ x, out }, { count: i + 1, ...dropoutScalars(options) }, {})
  return out[i] !== 0
}
