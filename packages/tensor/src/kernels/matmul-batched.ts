import { matmulBatched } from '../matmul/batched.ts'

/** For each of `batch`: out (m,n) ← a (m,k) · b (k,n), then as `matmulNN`. */
export const matmulBatchedNN = matmulBatched('nn', 'matmul-batched-nn/1')

/** For each of `batch`: out (m,n) ← a (m,k) · b (n,k)ᵀ, then as `matmulNT`. */
export const matmulBatchedNT = matmulBatched('nt', 'matmul-batched-nt/1')

/** For each of `batch`: out (m,n) ← a (k,m)ᵀ · b (k,n), then as `matmulTN`. */
export const matmulBatchedTN = matmulBatched('tn', 'matmul-batched-tn/1')
