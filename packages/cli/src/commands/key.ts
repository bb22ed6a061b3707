import { toHex } from '@gradmesh/core'
import { exportKey, importKey, readPublicKey, rewriteKey } from '@gradmesh/peer'
import { usage } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { knownPeers, rememberPeers } from '../known-peers.ts'
import { newPassphrase, passphraseOf, passphraseOption } from '../passphrase.ts'
import { dataOption, folderOf, pathOf } from '../settings.ts'

type Action = (invocation: Invocation, folder: string, file: string) => Promise<void>

export const command: Command = {
  name: 'key',
  args: [
    { name: 'encrypt|decrypt|show|export|import', required: true },
    { name: 'FILE', required: false }
  ],
  about:
    '`encrypt` seals the key by a passphrase, which every later start asks for; `decrypt` leaves it plain again; `show` prints the public key. `export` writes a backup: the key as it is, its mesh, and how far it has signed; `import` makes a folder of one. The peer must not be running. A key that never lay on the disk in the clear is made by `gradmesh init --encrypt`.',
  options: { ...dataOption, ...passphraseOption },
  examples: [
    'gradmesh key show',
    'gradmesh key encrypt',
    'gradmesh key export ./peer.backup',
    'gradmesh key import ./peer.backup --data ./restored'
  ],
  async run(invocation) {
    const { values, args, io } = invocation
    const folder = folderOf(values)
    const [name = '', file] = args
    const action = ACTIONS[name]
    if (action === undefined)
      throw usage(
        'ARGUMENT',
        `"${name}" is none of ${Object.keys(ACTIONS).join(', ')}`,
        'see `gradmesh key --help`'
      )
    if ((file === undefined) === WITH_FILE.has(name))
      throw usage(
        'ARGUMENT',
        file === undefined ? 'FILE is missing' : `${name} takes no FILE`,
        'see `gradmesh key --help`'
      )
    await action(invocation, folder, pathOf(file ?? ''))
    const { publicKey, isSealed } = await readPublicKey(folder)
    const key = toHex(publicKey)
    io.print(io.json ? JSON.stringify({ ok: true, key, encrypted: isSealed, data: folder }) : key)
    return EXIT.ok
  }
}

const ACTIONS: Readonly<Record<string, Action>> = {
  async encrypt({ values, env, io }, folder) {
    const { isSealed } = await readPublicKey(folder)
    if (isSealed)
      throw usage('KEY', 'the key is sealed already', 'to change the passphrase: decrypt, then encrypt')
    await rewriteKey(folder, { tell: io.note }, await newPassphrase({ values, env }))
    io.note('The key is sealed. Keep the passphrase: nobody can restore it.')
  },

  async decrypt({ values, env, io }, folder) {
    const passphrase = await passphraseOf(folder, { values, env })
    const changed = await rewriteKey(folder, { passphrase, tell: io.note }, null)
    io.note(changed ? 'The key is plain again.' : 'The key was plain already.')
  },

  async show() {},

  async export({ io }, folder, file) {
    const { isSealed, slot } = await exportKey(folder, file, await knownPeers(folder))
    io.note(`Written to ${file}: the key, its mesh, and that it has signed up to slot ${Math.max(0, slot)}.`)
    if (!isSealed)
      io.note('The key in it is plain: keep the file secret, or `gradmesh key encrypt` before you export.')
  },

  async import({ io }, folder, file) {
    const { genesis, addresses } = await importKey(file, folder)
    if (addresses.length > 0) await rememberPeers(folder, addresses)
    io.note(`Restored into ${folder}, a peer of the mesh ${genesis.name}. Never start the old one again.`)
    io.note('It signs nothing until a block shows that it contradicts nothing: `gradmesh status` says so.')
  }
}

const WITH_FILE = new Set(['export', 'import'])
