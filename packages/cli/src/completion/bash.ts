/** For bash 4 and later. Words hold no blanks, so lists of them need no quoting. */
import type { CompletedCommand, CompletedOption } from './model.ts'

export const bashCompletion = (
  commands: readonly CompletedCommand[]
): string => `# gradmesh completion for bash:
#   source <(gradmesh completion bash)
_gradmesh() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} != -* ]]; then
      command=\${COMP_WORDS[i]}
      break
    fi
  done
  case $command in
    '') mapfile -t COMPREPLY < <(compgen -W '${names(commands)} --help --version' -- "$current") ;;
${commands.map(branch).join('\n')}
  esac
}
complete -F _gradmesh gradmesh
`

const names = (commands: readonly CompletedCommand[]): string => commands.map(({ name }) => name).join(' ')

const branch = ({ name, options, words, takesFile }: CompletedCommand): string => {
  const values = options.filter(({ takes }) => takes !== 'nothing').map(branchOf)
  const flags = options.map(option => `--${option.name}`)
  const all = [...words, ...flags].join(' ')
  const rest = `mapfile -t COMPREPLY < <(compgen -W '${all}' -- "$current")`
  const known = words.length === 0 ? '' : `compgen -W '${words.join(' ')}' -- "$current"; `
  const files = takesFile
    ? `if [[ $current != -* ]]; then compopt -o filenames; mapfile -t COMPREPLY < <(${known}compgen -f -- "$current"); else ${rest}; fi`
    : rest
  return `    ${name})
      case $before in
${values.join('\n')}
        *) ${files} ;;
      esac ;;`
}

const branchOf = ({ name, short, takes, choices }: CompletedOption): string => {
  const flags = [`--${name}`, ...(short === undefined ? [] : [`-${short}`])].join('|')
  const action =
    takes === 'file' || takes === 'folder'
      ? `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -${takes === 'file' ? 'f' : 'd'} -- "$current")`
      : choices.length > 0
        ? `mapfile -t COMPREPLY < <(compgen -W '${choices.join(' ')}' -- "$current")`
        : ':'
  return `        ${flags}) ${action} ;;`
}
