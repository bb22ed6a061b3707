/** For zsh's `_arguments`. */
import type { CompletedCommand, CompletedOption } from './model.ts'

export const zshCompletion = (commands: readonly CompletedCommand[]): string => `#compdef gradmesh
# gradmesh completion for zsh: write it to a folder of $fpath, or
#   source <(gradmesh completion zsh)
_gradmesh() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary.replaceAll(':', '\\:')}`)}`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=\${words[2]}
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(branch).join('\n')}
  esac
}
compdef _gradmesh gradmesh
`

const branch = ({ name, options, words, takesFile }: CompletedCommand): string => {
  const first = words.length > 0 ? [`1: :(${words.join(' ')})`] : takesFile ? ['*: :_files'] : []
  const specs = [...options.map(spec), ...first].map(quoted)
  return `    ${name}) _arguments ${specs.join(' \\\n      ')} ;;`
}

const spec = ({ name, help, takes, value, choices }: CompletedOption): string => {
  const flag = `--${name}[${help.replaceAll(/[[\]:\\]/g, '\\$&')}]`
  if (takes === 'nothing') return flag
  const action =
    takes === 'file'
      ? '_files'
      : takes === 'folder'
        ? '_files -/'
        : choices.length > 0
          ? `(${choices.join(' ')})`
          : ' '
  return `${flag}:${value}:${action}`
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
