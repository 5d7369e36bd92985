/** The tree of commands; each noun has a file of its own in `commands/`. */
import { Command } from 'commander'
import { dataDirDefault } from './commandLine.ts'
import { addAccountCommands } from './commands/account.ts'
import { addAttestCommands } from './commands/attest.ts'
import { addAuditCommands } from './commands/audit.ts'
import { addChatCommand } from './commands/chat.ts'
import { addCheckpointCommands } from './commands/checkpoint.ts'
import { addDevnetCommand } from './commands/devnet.ts'
import { addDisputeCommands } from './commands/dispute.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addEngineCommands } from './commands/engine.ts'
import { addFileCommands } from './commands/file.ts'
import { addFineTuneCommands } from './commands/finetune.ts'
import { addGatewayCommands } from './commands/gateway.ts'
import { addModelCommands } from './commands/model.ts'
import { addProviderCommands } from './commands/provider.ts'
import { addReceiptCommands } from './commands/receipt.ts'
import { addResetCommand } from './commands/reset.ts'
import { addStorageCommands } from './commands/storage.ts'
import { addVerifyCommand } from './commands/verify.ts'
import { version } from './version.ts'

export function createProgram(): Command {
  const program = new Command('weightless')
  program
    .description(
      'The open, decentralised AI operating system: store data, run a model, pay for exactly that, prove it.',
    )
    .version(version)
    .option('--json', 'print results as JSON on stdout')
    .option('--data-dir <folder>', 'where the devnet keeps its state', dataDirDefault)
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(see weightless --help)')
    .exitOverride()
  addDevnetCommand(program)
  addFileCommands(program)
  addCheckpointCommands(program)
  addChatCommand(program)
  addFineTuneCommands(program)
  addVerifyCommand(program)
  addDisputeCommands(program)
  addAttestCommands(program)
  addAuditCommands(program)
  addProviderCommands(program)
  addEngineCommands(program)
  addGatewayCommands(program)
  addReceiptCommands(program)
  addModelCommands(program)
  addAccountCommands(program)
  addStorageCommands(program)
  addDoctorCommand(program)
  addResetCommand(program)
  return program
}
