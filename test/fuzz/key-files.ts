/** What lies in a file that somebody was sent or found again: keys, and backups of keys with their mesh. */
import { MeshError, toHex, utf8 } from '@gradmesh/core'
import { encodeGenesis, keyPairFromSeed } from '@gradmesh/wire'
import fc from 'fast-check'
import { parseBackup } from '../../packages/peer/src/disk/backup.ts'
import { parseKeyFile, plainText, publicKeyOf } from '../../packages/peer/src/disk/key-file.ts'
import { genesis } from '../../packages/wire/test/fixtures/messages.ts'
import type { Target } from './targets.ts'

const seed = new Uint8Array(32).fill(7)

const sealed = `${JSON.stringify({
  format: 'gradmesh-key/1',
  publicKey: toHex(keyPairFromSeed(seed).publicKey),
  kdf: 'scrypt N=131072 r=8 p=1',
  salt: toHex(seed.subarray(0, 16)),
  cipher: 'chacha20-poly1305',
  nonce: toHex(seed.subarray(0, 12)),
  box: toHex(new Uint8Array(48).fill(9))
})}\n`

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** A plain key may have white space around it, and a sealed one its fields in any order: no encoding to compare. */
const keys: Target = {
  name: 'KeyFile',
  samples: [plainText(seed), sealed].map(utf8),
  bytesMax: 4_096,
  decode: bytes => {
    const held = parseKeyFile(textOf(bytes))
    if (held !== undefined && publicKeyOf(held).length !== 32) throw new RangeError('a key of another length')
    return held
  },
  isRefusal: answer => answer === undefined,
  encode: null
}

const REFUSALS: ReadonlySet<string> = new Set(['BACKUP_INVALID', 'GENESIS_INVALID'])

const backups: Target = {
  name: 'KeyBackup',
  samples: fc.sample(genesis, { seed: 1, numRuns: 4 }).map((mesh, i) =>
    utf8(
      `${JSON.stringify({
        format: 'gradmesh-backup/1',
        key: i % 2 === 0 ? plainText(seed) : sealed,
        genesis: toHex(encodeGenesis(mesh)),
        slot: 17 * i - 1,
        height: 9 * i,
        addresses: ['/ip4/127.0.0.1/tcp/4190']
      })}\n`
    )
  ),
  bytesMax: 16_384,
  decode: bytes => {
    try {
      return parseBackup(textOf(bytes), 'a file')
    } catch (error) {
      if (error instanceof MeshError && REFUSALS.has(error.code)) return error
      throw error
    }
  },
  isRefusal: answer => answer instanceof MeshError,
  encode: null
}

export const keyFileTargets: readonly Target[] = [keys, backups]
