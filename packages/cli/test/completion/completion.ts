import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { commands } from '../../src/commands/index.ts'
import { bashCompletion } from '../../src/completion/bash.ts'
import { fishCompletion } from '../../src/completion/fish.ts'
import { completedCommands } from '../../src/completion/model.ts'
import { zshCompletion } from '../../src/completion/zsh.ts'
import { peerOptions } from '../../src/settings.ts'

const model = await completedCommands(commands)

const missing = (shell: string): string | false =>
  spawnSync(shell, ['--version']).status === 0 ? false : `${shell} is not installed here`

t.test('bash completes', { skip: missing('bash') }, async t => {
  const folder = t.testdir()
  mkdirSync(join(folder, 'mesh'))
  writeFileSync(join(folder, 'model.txt'), '')
  const script = bashCompletion(model)
  /** What a bash process would offer at the end of these words. */
  const offered = (...words: string[]): string[] => {
    const quoted = words.map(word => `'${word}'`).join(' ')
    const ask = `compopt() { :; }\nCOMP_WORDS=(gradmesh ${quoted})\nCOMP_CWORD=${words.length}\n_gradmesh\nprintf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', `${script}\n${ask}`], {
      cwd: folder,
      encoding: 'utf8'
    })
    t.equal(stderr, '')
    t.equal(status, 0)
    return stdout.split('\n').filter(line => line !== '')
  }
  t.strictSame(offered('sta'), ['status', 'stakes'])
  t.equal(offered('').length, commands.length + 2, 'every command')
  t.strictSame(offered('up', '--max-'), ['--max-gpu', '--max-memory', '--max-upload', '--max-download'])
  t.strictSame(offered('up', '--log-level', 'w'), ['warn'])
  t.strictSame(offered('up', '--data', 'm'), ['mesh'], 'folders, no files')
  t.strictSame(offered('up', '--label', 'm'), [], 'nothing is known of a label')
  t.strictSame(offered('export', 'm').sort(), ['mesh', 'model.txt'])
  t.strictSame(offered('key', 'd'), ['decrypt'])
  const without = Object.keys(peerOptions).filter(name => name.startsWith('no-'))
  t.strictSame(
    offered('--json', 'up', '--no-'),
    without.map(name => `--${name}`)
  )
  t.strictSame(offered('nonsense', ''), [])
})

t.test('every option of every command is in each script', async t => {
  const scripts = { bash: bashCompletion(model), zsh: zshCompletion(model), fish: fishCompletion(model) }
  for (const entry of commands) {
    const { options } = await entry.load()
    for (const name of Object.keys(options)) {
      t.match(scripts.bash, `--${name}`)
      t.match(scripts.zsh, `'--${name}[`)
      t.match(scripts.fish, `__fish_seen_subcommand_from ${entry.name}' -l ${name} `)
    }
  }
})

const parses = (t: Test, shell: string, script: string, flag: string): void => {
  const path = join(t.testdir(), `completion.${shell}`)
  writeFileSync(path, script)
  const { status, stderr } = spawnSync(shell, [flag, path], { encoding: 'utf8' })
  t.equal(stderr, '')
  t.equal(status, 0)
}

t.test('zsh parses its script', { skip: missing('zsh') }, async t =>
  parses(t, 'zsh', zshCompletion(model), '-n')
)
t.test('fish parses its script', { skip: missing('fish') }, async t =>
  parses(t, 'fish', fishCompletion(model), '--no-execute')
)
