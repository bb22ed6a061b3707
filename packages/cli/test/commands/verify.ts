import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { commands } from '../../src/commands/index.ts'
import { EXIT } from '../../src/exit-codes.ts'
import { runCli } from '../../src/run.ts'
import { FakeIo } from '../fixtures/io.ts'

const cli = async (...words: string[]) => {
  const io = new FakeIo({ json: false })
  return { code: await runCli(words, { commands, env: {}, io }), io }
}

t.test('each database that is damaged is named, with what helps it', async t => {
  const folder = join(t.testdir(), 'peer')
  t.equal((await cli('init', '--data', folder, '--rounds', '1')).code, EXIT.ok)
  const verified = async () => {
    const { code, io } = await cli('verify', '--data', folder)
    t.equal(code, EXIT.failed)
    return { found: io.printed.slice(1), remedies: io.noted.join('\n') }
  }
  const noChain = await verified()
  t.strictSame(noChain.found, ['  chain: the folder is missing'])
  t.match(noChain.remedies, 'move chain/ away')
  t.notMatch(noChain.remedies, 'key export')

  await rm(join(folder, 'safety'), { recursive: true })
  const neither = await verified()
  t.strictSame(neither.found.at(-1), '  safety: the folder is missing')
  t.match(neither.remedies, /key export[\s\S]*move chain\/ away/)

  await mkdir(join(folder, 'safety'))
  await writeFile(join(folder, 'safety', 'CURRENT'), 'garbage\n')
  t.match((await verified()).found.at(-1), 'safety/CURRENT: it does not name a MANIFEST')
})
