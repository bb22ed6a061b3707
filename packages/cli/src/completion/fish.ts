/** For fish 3 and later. */
import type { CompletedCommand, CompletedOption } from './model.ts'

export const fishCompletion = (
  commands: readonly CompletedCommand[]
): string => `# gradmesh completion for fish:
#   gradmesh completion fish | source
complete -c gradmesh -f
${commands.flatMap(linesOf).join('\n')}
`

const linesOf = ({ name, summary, options, words, takesFile }: CompletedCommand): string[] => {
  const inside = `-n '__fish_seen_subcommand_from ${name}'`
  return [
    `complete -c gradmesh -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...(words.length > 0 ? [`complete -c gradmesh ${inside} -a '${words.join(' ')}'`] : []),
    ...(takesFile ? [`complete -c gradmesh ${inside} -F`] : []),
    ...options.map(option => `complete -c gradmesh ${inside} ${flagOf(option)}`)
  ]
}

const flagOf = ({ name, short, help, takes, choices }: CompletedOption): string =>
  [
    `-l ${name}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(takes === 'nothing' ? [] : ['-r']),
    ...(takes === 'file' || takes === 'folder' ? ['-F'] : []),
    ...(choices.length > 0 ? [`-a '${choices.join(' ')}'`] : []),
    `-d ${quoted(help)}`
  ].join(' ')

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
