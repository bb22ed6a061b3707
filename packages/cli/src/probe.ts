/** Run by the setup: the names of this machine's WebGPU adapters as one line of JSON. */
import { listAdapters } from '@gradmesh/tensor'
import { asMeshError } from './failures.ts'

try {
  console.log(JSON.stringify({ names: (await listAdapters()).map(({ name }) => name) }))
} catch (error) {
  const { message, remedy } = asMeshError(error)
  console.log(JSON.stringify({ error: remedy === undefined ? message : `${message}: ${remedy}` }))
}
process.exit(0)
