/** The passphrase of a sealed key: from a file, else from the environment, else typed unseen. */
import { readFile } from 'node:fs/promises'
import { MeshError } from '@gradmesh/core'
import { readPublicKey } from '@gradmesh/peer'
import type { Invocation, Options } from './command.ts'

export const passphraseOption = {
  'passphrase-file': {
    type: 'string',
    value: 'FILE',
    help: "holds the passphrase of the peer's key; else GRADMESH_PASSPHRASE, else it is asked for",
    env: 'GRADMESH_PASSPHRASE_FILE'
  }
} as const satisfies Options

const LETTERS_MIN = 8

type Asked = Pick<Invocation, 'values' | 'env'>

/** Undefined where the folder's key is plain, or there is none. @throws MeshError `KEY_LOCKED`, `PASSPHRASE_FILE` */
export const passphraseOf = async (folder: string, asked: Asked): Promise<string | undefined> => {
  const held = await readPublicKey(folder).catch(() => undefined)
  return held?.isSealed === true ? givenPassphrase(asked, 'Passphrase of the key: ') : undefined
}

/** For sealing. @throws MeshError `PASSPHRASE_SHORT`, `PASSPHRASE_DIFFERS`, `KEY_LOCKED`, `PASSPHRASE_FILE` */
export const newPassphrase = async ({ values, env }: Asked): Promise<string> => {
  const found = await foundPassphrase(values.text('passphrase-file'), env)
  const passphrase = found ?? (await typed('New passphrase: '))
  if ([...passphrase].length < LETTERS_MIN)
    throw new MeshError('PASSPHRASE_SHORT', `a passphrase has at least ${LETTERS_MIN} letters`, {
      remedy: 'choose a longer one; several words are good'
    })
  if (found === undefined && (await typed('The same again: ')) !== passphrase)
    throw new MeshError('PASSPHRASE_DIFFERS', 'the two passphrases differ', {
      remedy: 'nothing was changed: run the command again'
    })
  return passphrase
}

const givenPassphrase = async ({ values, env }: Asked, question: string): Promise<string> =>
  (await foundPassphrase(values.text('passphrase-file'), env)) ?? typed(question)

const foundPassphrase = async (
  path: string | undefined,
  env: Invocation['env']
): Promise<string | undefined> => {
  if (path === undefined) return env.GRADMESH_PASSPHRASE === '' ? undefined : env.GRADMESH_PASSPHRASE
  const text = await readFile(path, 'utf8').catch(cause => {
    throw new MeshError('PASSPHRASE_FILE', `can't read the passphrase in ${path}: ${cause.message}`, {
      remedy: 'correct --passphrase-file',
      cause
    })
  })
  return text.replace(/\r?\n$/, '')
}

const CTRL_C = '\u0003'
const ERASE = new Set(['\u007f', '\b'])

const typed = (question: string): Promise<string> => {
  const { stdin, stderr } = process
  if (!stdin.isTTY)
    throw new MeshError('KEY_LOCKED', 'a passphrase is needed, and there is no terminal to ask at', {
      remedy: 'give it in a file with --passphrase-file, or in GRADMESH_PASSPHRASE'
    })
  return new Promise((resolve, reject) => {
    let text = ''
    const end = (): void => {
      stdin.off('data', onData).setRawMode(false).pause()
      stderr.write('\n')
    }
    const onData = (data: string): void => {
      for (const letter of data) {
        if (letter === '\r' || letter === '\n') {
          end()
          resolve(text)
          return
        }
        if (letter === CTRL_C) {
          end()
          reject(new MeshError('PASSPHRASE_NONE', 'no passphrase was given'))
          return
        }
        text = ERASE.has(letter) ? [...text].slice(0, -1).join('') : text + letter
      }
    }
    stderr.write(question)
    stdin.setEncoding('utf8').setRawMode(true).resume().on('data', onData)
  })
}
