import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { cannotWrite } from '@gradmesh/peer'
import { bundleOf } from '../bundling/bundle.ts'
import { secretsOf } from '../bundling/secrets.ts'
import { tarOf } from '../bundling/tar.ts'
import { clientOf } from '../client.ts'
import type { Command } from '../command.ts'
import { checkMachine } from '../doctor/checks.ts'
import { EXIT } from '../exit-codes.ts'
import { folderOf, peerOptions, urlOption } from '../settings.ts'

const { data, port, 'p2p-port': p2pPort, adapter } = peerOptions
const PORTS = { min: 0, max: 65_535 }

export const command: Command = {
  name: 'support-bundle',
  about:
    'Status, metrics, configuration, versions, the end of the log and what `doctor` finds, of a peer that runs or does not. No key, token, passphrase or ticket is inside, but labels, keys and network addresses of peers are: look before you send it.',
  options: {
    ...urlOption,
    data,
    port,
    'p2p-port': p2pPort,
    adapter,
    out: { type: 'string', value: 'FILE', help: 'gradmesh-support-TIME.tar.gz in this folder when left out' }
  },
  examples: ['gradmesh support-bundle', 'gradmesh support-bundle --data ./peer --out ./for-support.tar.gz'],
  async run({ values, io, env }) {
    const folder = folderOf(values)
    const now = new Date()
    const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '')
    const path = resolve(values.text('out') ?? `gradmesh-support-${stamp}.tar.gz`)
    const entries = await bundleOf({
      folder,
      client: await clientOf(values),
      env,
      secrets: await secretsOf(folder, env, values.text('http-token-file')),
      doctor: () =>
        checkMachine({
          folder,
          httpPort: values.integer('port', PORTS) ?? 4180,
          p2pPort: values.integer('p2p-port', PORTS) ?? 4190,
          adapter: values.text('adapter') ?? null,
          ticket: null,
          peer: null,
          tune: false
        })
    })
    const bytes = gzipSync(tarOf(entries, now.getTime() / 1000))
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' }).catch(cause => {
      throw cannotWrite('SUPPORT_WRITE', path, cause)
    })
    const names = entries.map(({ name }) => name)
    if (io.json) io.print(JSON.stringify({ ok: true, file: path, bytes: bytes.length, entries: names }))
    else io.print(path)
    io.note('It names peers and their addresses. Look into it before you send it.')
    return EXIT.ok
  }
}
