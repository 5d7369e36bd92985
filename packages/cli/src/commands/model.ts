/** `weightless model …`: what is served, and adding a GGUF file of one's own. */

import { addModel } from '@weightless/node/weights/addModel'
import type { Command } from 'commander'
import { withClient } from '../connect.ts'
import { formatBytes, formatTokens, globalOptions, printResult } from '../output.ts'

export function addModelCommands(program: Command): void {
  const model = program.command('model').description('models that are served, and your own')
  model
    .command('list')
    .description('list the models that providers serve now')
    .action((_options: object, command: Command) =>
      withClient(command, async (client) => {
        const models = await client.chat.models()
        const lines = models.map(
          ({ id, root, inputWeiPerToken, outputWeiPerToken }) =>
            `${id}  ${root ?? ''}  in ${formatTokens(inputWeiPerToken ?? 0n)}, out ${formatTokens(outputWeiPerToken ?? 0n)} a token`,
        )
        printResult(command, { models }, lines.length > 0 ? lines : ['No model is open yet.'])
      }),
    )
  model
    .command('add <file>')
    .description('check a GGUF file and have the devnet serve it, now if it runs, and at every start')
    .option('--name <id>', 'the name in the API; from the file without it')
    .action(async (file: string, options: { name?: string }, command: Command) => {
      const added = await addModel({
        file,
        dataFolder: globalOptions(command).dataDir,
        ...(options.name && { name: options.name }),
      })
      printResult(command, added, [
        `${added.id}: ${added.architecture}, ${formatBytes(added.sizeBytes)}, root ${added.root}`,
        'A running devnet stores, prices and serves it within seconds; see `weightless model list`.',
      ])
    })
}
