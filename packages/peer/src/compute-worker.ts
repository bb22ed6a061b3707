/**
 * The compute thread: owns the adapter, trains rounds, keeps the error-feedback buffer. Nothing it
 * says is believed by anyone before it has become a signed integer payload.
 */
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { openDevice } from '@gradmesh/tensor'
import { makeCompute } from './computing.ts'
import { serve } from './worker-rpc.ts'

/** Votes must not wait for kernels: on Linux a thread may step back on its own, its children with it. */
const yieldToVotes = (): void => {
  try {
    const threadId = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
    setPriority(threadId, 19)
  } catch {
    // Elsewhere the scheduler's default has to do.
  }
}

yieldToVotes()
serve(makeCompute(openDevice))
