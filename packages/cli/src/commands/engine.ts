/** `weightless engine …`: engines that are not part of the installation, added to the data directory when they are wanted. */
import { addEngine, type EngineName, engineNames, listEngines, removeEngine } from '@weightless/node/llama/engineFolder'
import { Argument, type Command, Option } from 'commander'
import { commandLine } from '../commandLine.ts'
import { globalOptions, printResult, remark } from '../output.ts'

export function addEngineCommands(program: Command): void {
  const engine = program.command('engine').description('engines that providers can run beside the embedded one')
  engine
    .command('add')
    .addArgument(nameArgument())
    .description('install an engine into the data directory; llama is llama.cpp, by npm, 100 MB, nothing is compiled')
    .addOption(
      new Option('--gpu <kind>', 'binaries for a GPU too (700 MB more for CUDA)')
        .choices(['none', 'cuda', 'vulkan'])
        .default('none'),
    )
    .action(async (name: EngineName, { gpu }: { gpu: 'none' | 'cuda' | 'vulkan' }, command: Command) => {
      const { dataDir, json } = globalOptions(command)
      const onLine = json ? undefined : remark
      const added = await addEngine({ dataFolder: dataDir, name, gpu, ...(onLine && { onLine }) })
      printResult(command, added, [
        `${added.name} ${added.version} is in ${added.folder}`,
        `It runs here on ${added.found.gpu || 'the processor'}, with ${added.found.cores} cores for its threads.`,
        ...(gpu !== 'none' && !added.found.gpu ? ['It found no GPU that it can use: is the driver there?'] : []),
        `Sell a model with it: ${commandLine('provider start --engine llama --gguf FILE --model NAME --price IN/OUT', dataDir)}`,
      ])
    })
  engine
    .command('list')
    .description('list the engines of the data directory')
    .action((_options: object, command: Command) => {
      const engines = listEngines(globalOptions(command).dataDir)
      const lines = engines.map(({ name, version, gpu, packages }) => `${name}  ${version}  gpu ${gpu}  ${packages}`)
      printResult(
        command,
        { engines },
        lines.length > 0 ? lines : ['No engine was added; the embedded one needs none.'],
      )
    })
  engine
    .command('remove')
    .addArgument(nameArgument())
    .description('remove an engine from the data directory')
    .action((name: EngineName, _options: object, command: Command) => {
      const removed = removeEngine(globalOptions(command).dataDir, name)
      printResult(command, { name, removed }, [removed ? `Removed ${name}.` : `${name} was not there.`])
    })
}

function nameArgument(): Argument {
  return new Argument('<name>', 'the engine').choices(engineNames)
}
