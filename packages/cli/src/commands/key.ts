import { toHex } from '@gradmesh/core'
import { readPublicKey, rewriteKey } from '@gradmesh/peer'
import { usage } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { newPassphrase, passphraseOf, passphraseOption } from '../passphrase.ts'
import { dataOption, folderOf } from '../settings.ts'

export const command: Command = {
  name: 'key',
  args: [{ name: 'encrypt|decrypt|show', required: true }],
  about:
    '`encrypt` seals the key in the folder by a passphrase, which every later start asks for; `decrypt` leaves it plain again; `show` prints the public key. The peer must not be running. What the disk held before may be readable in its free space: a key that never was plain is made by `gradmesh init --encrypt`.',
  options: { ...dataOption, ...passphraseOption },
  examples: ['gradmesh key show', 'gradmesh key encrypt', 'gradmesh key decrypt --passphrase-file ./secret'],
  async run({ values, args, io, env }) {
    const folder = folderOf(values)
    const [action] = args
    if (action === 'encrypt') {
      const { isSealed } = await readPublicKey(folder)
      if (isSealed)
        throw usage('KEY', 'the key is sealed already', 'to change the passphrase: decrypt, then encrypt')
      await rewriteKey(folder, { tell: io.note }, await newPassphrase({ values, env }))
      io.note('The key is sealed. Keep the passphrase: nobody can restore it.')
    } else if (action === 'decrypt') {
      const passphrase = await passphraseOf(folder, { values, env })
      const changed = await rewriteKey(folder, { passphrase, tell: io.note }, null)
      io.note(changed ? 'The key is plain again.' : 'The key was plain already.')
    } else if (action !== 'show')
      throw usage('ARGUMENT', `"${action}" is none of encrypt, decrypt, show`, 'see `gradmesh key --help`')
    const { publicKey, isSealed } = await readPublicKey(folder)
    const key = toHex(publicKey)
    io.print(io.json ? JSON.stringify({ ok: true, key, encrypted: isSealed, data: folder }) : key)
    return EXIT.ok
  }
}
