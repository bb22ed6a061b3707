import { matmul } from '../matmul/kernel.ts'

/** out (m,n) ← a (k,m)ᵀ · b (k,n), then bias (n), ReLU and gate (m,n) as the options say. */
export const matmulTN = matmul('tn', 'matmul-tn/1')
