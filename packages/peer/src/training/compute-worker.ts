/**
 * The compute thread: owns the adapter, trains rounds, keeps the error-feedback buffer, answers what the model is asked. Nothing it
 * says is believed by anyone before it has become a signed integer payload.
 */
import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { type Device, type OpenDeviceOptions, openDevice, tune } from '@gradmesh/tensor'
import { ANSWERING } from '../inference/answering.ts'
import { serve, workerData } from '../worker-rpc.ts'
import { makeCompute } from './computing.ts'
import { folderStore } from './tune-store.ts'

const { tuneFolder } = workerData as { readonly tuneFolder: string }

/** Votes must not wait for kernels: on Linux a thread may step back on its own, its children with it. */
const yieldToVotes = (): void => {
  try {
    const threadId = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
    setPriority(threadId, 19)
  } catch {
    // Elsewhere the scheduler's default has to do.
  }
}

/**
 * A GPU is measured once, in at most ten seconds; what was kept is used from then on. A software adapter
 * shares its cores with the peers beside it, so there only `gradmesh doctor --tune` measures. Without a
 * result the rule of thumb holds: tuning that fails costs speed, never a round.
 */
const openTuned = async (options: OpenDeviceOptions): Promise<Device> => {
  const device = await openDevice(options)
  const store = folderStore(tuneFolder)
  const keptOnly = device.info.software ? { signal: AbortSignal.abort() } : {}
  await tune(device, { store, ...keptOnly }).catch(() => {})
  return device
}

yieldToVotes()
serve(makeCompute(openTuned), { atOnce: ['abandon'], apart: ANSWERING })
