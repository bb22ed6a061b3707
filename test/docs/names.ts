/** For commands that are not run here: is there what they name? */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '@gradmesh/cli'

interface Package {
  readonly scripts: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** Things that a command line names and that are not in the checkout. */
export const absentIn = (root: string, command: string): string[] => {
  const manifest: Package = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const words = command.split(/\s+/).filter(word => !/^[A-Z_]+=/.test(word))
  const [program = '', first = '', second = ''] = words
  const absent: string[] = []
  const script =
    program === 'npm'
      ? first === 'run'
        ? second
        : first === 'ci' || first === 'install'
          ? undefined
          : first
      : undefined
  if (script !== undefined && !Object.hasOwn(manifest.scripts, script)) absent.push(`npm script ${script}`)
  if (program === 'npx' && first === 'gradmesh' && !commands.some(({ name }) => name === second))
    absent.push(`command ${second}`)
  if (program === 'npx' && first !== 'gradmesh' && !Object.hasOwn(manifest.devDependencies, first))
    absent.push(`tool ${first}`)
  const files = words.filter(word => /^(?!-|\.\.)[\w./-]+\/[\w.-]+\.(ts|mjs|yaml|json|md)$/.test(word))
  absent.push(...files.filter(file => !existsSync(join(root, file))))
  return absent
}
