import { matmul } from '../matmul/kernel.ts'

/** out (m,n) ← a (m,k) · b (n,k)ᵀ, then bias (n), ReLU and gate (m,n) as the options say. */
export const matmulNT = matmul('nt', 'matmul-nt/1')
