import { matmul } from '../matmul/kernel.ts'

/** out (m,n) ← a (m,k) · b (k,n), then bias (n), ReLU and gate (m,n) as the options say. */
export const matmulNN = matmul('nn', 'matmul-nn/1')
