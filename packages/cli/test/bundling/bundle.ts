import { spawnSync } from 'node:child_process'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { createClient } from '@gradmesh/api'
import { toHex } from '@gradmesh/core'
import { ensureKey, paths } from '@gradmesh/peer'
import t from 'tap'
import { bundleOf } from '../../src/bundling/bundle.ts'
import { secretsOf, withoutSecrets } from '../../src/bundling/secrets.ts'
import { tarOf } from '../../src/bundling/tar.ts'
import { command } from '../../src/commands/support-bundle.ts'

const passphrase = 'a passphrase, with "marks" & more'
const token = 'Wq3_token-of-the-http-port_0123456789ab-cde'

t.test('no secret is inside, in whatever form the log holds it', async t => {
  for (const isSealed of [false, true]) {
    const folder = t.testdir()
    const { secretKey } = await ensureKey(folder, isSealed ? { passphrase } : {})
    await writeFile(paths(folder).httpToken, `${token}\n`)
    const keyText = await readFile(paths(folder).key, 'utf8')
    const seed = Buffer.from(secretKey)
    const box: string = isSealed ? JSON.parse(keyText).box : toHex(secretKey)
    const planted = [
      ...(isSealed ? [] : [seed.toString('hex'), seed.toString('base64'), seed.toString('base64url')]),
      box,
      keyText.trim(),
      token,
      `Bearer ${'other'.repeat(8)}`,
      `gradmesh3z${'a2b3c4d5'.repeat(12)}`,
      passphrase
    ]
    const lines = planted.map(text => JSON.stringify({ msg: `before ${text} after` }))
    await appendFile(join(folder, 'peer.log'), `${lines.join('\n')}\nharmless\n`)
    const env = { GRADMESH_PASSPHRASE: passphrase, GRADMESH_LABEL: 'attic', OTHER: 'not ours' }
    const entries = await bundleOf({
      folder,
      client: createClient('http://127.0.0.1:9', { timeoutMs: 500 }),
      env,
      secrets: await secretsOf(folder, env, undefined),
      doctor: async () => []
    })
    const text = tarOf(entries, 0).toString('latin1')
    for (const secret of planted) {
      t.notOk(text.includes(secret), `${secret.slice(0, 16)}…`)
      t.notOk(text.includes(JSON.stringify(secret).slice(1, -1)), 'nor as JSON')
    }
    if (!isSealed) t.notOk(text.includes(seed.toString('hex').slice(0, 32)), 'not even half of the key')
    t.match(text, 'harmless')
    t.match(text, 'attic')
    t.notMatch(text, 'not ours')
    t.match(text, 'no peer answers', 'a peer that does not run is no obstacle')
    t.strictSame(
      entries.map(({ name }) => name.split('/')[1]),
      ['versions', 'config', 'doctor', 'status', 'peers', 'blocks', 'stakes']
        .map(name => `${name}.json`)
        .concat('metrics.txt', 'peer.log')
    )
  }
})

t.test('the command writes an archive that tar opens', async t => {
  const folder = t.testdir()
  await ensureKey(folder)
  const out = join(folder, 'bundle.tar.gz')
  const printed: string[] = []
  const text = (name: string): string | undefined =>
    ({ data: folder, out, url: 'http://127.0.0.1:9', port: '0', 'p2p-port': '0' })[name]
  const io = { print: (line: string) => void printed.push(line), note: () => {}, json: true }
  const values = { text, texts: () => [], is: () => false, integer: () => 0 }
  const code = await command.run({ values, args: [], env: {}, io } as never)
  t.equal(code, 0)
  t.match(JSON.parse(printed.at(-1)!), { ok: true, file: out })
  const listed = spawnSync('tar', ['-tzf', out], { encoding: 'utf8' })
  t.equal(listed.stderr, '')
  t.match(listed.stdout.trim().split('\n'), [/versions\.json$/, /config\.json$/])
  t.equal(gunzipSync(await readFile(out)).length % 512, 0)
  await t.rejects(command.run({ values, args: [], env: {}, io } as never), { code: 'SUPPORT_WRITE' })
})

t.test('short words are no secrets', async t => {
  const folder = t.testdir()
  const secrets = await secretsOf(folder, { GRADMESH_PASSPHRASE: 'a' }, undefined)
  t.equal(withoutSecrets('a banana', secrets), 'a banana')
})
