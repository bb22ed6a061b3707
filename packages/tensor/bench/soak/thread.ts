/** The soak in a thread of its own, which is how a peer computes. */
import { parentPort, workerData } from 'node:worker_threads'
import { openDevice } from '../../src/index.ts'
import { watch } from './watch.ts'

using device = await openDevice()
const samples = await watch(device, workerData.steps, sample => parentPort!.postMessage({ sample }))
parentPort!.postMessage({ adapter: device.info.name, samples })
