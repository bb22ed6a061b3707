/** How much of this machine a peer may take: one option each. */
import type { Caps } from '@gradmesh/peer'
import { usage } from './arguments.ts'
import type { Options, Values } from './command.ts'
import { readBytes, readHours, readRate, readShare } from './quantities.ts'

export const capOptions = {
  'max-gpu': {
    type: 'string',
    value: 'SHARE',
    help: 'share of time in which the GPU may be busy, such as 50%',
    env: 'GRADMESH_MAX_GPU'
  },
  'max-memory': {
    type: 'string',
    value: 'BYTES',
    help: 'memory of the process, such as 2GiB; training pauses above it',
    env: 'GRADMESH_MAX_MEMORY'
  },
  'max-upload': {
    type: 'string',
    value: 'RATE',
    help: 'sent to other peers, such as 1MiB/s or 8Mbit/s',
    env: 'GRADMESH_MAX_UPLOAD'
  },
  'max-download': {
    type: 'string',
    value: 'RATE',
    help: 'read from other peers, likewise',
    env: 'GRADMESH_MAX_DOWNLOAD'
  },
  hours: {
    type: 'string',
    value: 'FROM-TO',
    multiple: true,
    help: 'train only in these hours, local time, such as 22-7 or 22:30-7,12-13',
    env: 'GRADMESH_HOURS'
  }
} as const satisfies Options

/** @throws MeshError `USAGE_VALUE` */
export const capsOf = (values: Pick<Values, 'text' | 'texts'>): Caps => {
  const read = <T>(name: string, reader: (text: string) => T | undefined, example: string): T | null => {
    const text = values.text(name)
    return text === undefined ? null : (reader(text) ?? wrong(name, text, example))
  }
  return {
    gpuShare: read('max-gpu', readShare, '50%'),
    memoryBytes: read('max-memory', readBytes, '2GiB'),
    uploadBytesPerSecond: read('max-upload', readRate, '1MiB/s'),
    downloadBytesPerSecond: read('max-download', readRate, '1MiB/s'),
    hours: values.texts('hours').map(text => readHours(text) ?? wrong('hours', text, '22-7'))
  }
}

const wrong = (name: string, text: string, example: string): never => {
  throw usage('VALUE', `--${name} ${text}: something like ${example} is expected`, 'correct the value')
}
