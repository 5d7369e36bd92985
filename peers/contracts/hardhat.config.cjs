// Hardhat over artefacts that are already there: nothing is compiled, nothing is fetched.
require('@nomicfoundation/hardhat-ethers')
require('@nomicfoundation/hardhat-chai-matchers')
require('hardhat-deploy')
require('ts-node').register({
  transpileOnly: true,
  skipProject: true,
  compilerOptions: { module: 'commonjs', target: 'es2022', esModuleInterop: true },
})

const folder = process.env.WEIGHTLESS_ARTEFACTS
// the keys of the usual test mnemonic's first four accounts, funded as in the tests' own configuration
const keys = [
  'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
  '7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
]

module.exports = {
  paths: { artifacts: `${folder}/artifacts`, cache: `${folder}/cache`, sources: 'none', deploy: 'deploy' },
  solidity: '0.8.22',
  mocha: { timeout: 120_000, reporter: 'json', reporterOptions: { output: process.env.WEIGHTLESS_REPORT } },
  namedAccounts: { deployer: { default: 0 } },
  networks: {
    hardhat: {
      hardfork: 'cancun',
      allowBlocksWithSameTimestamp: true,
      blockGasLimit: 100_000_000,
      gas: 100_000_000,
      accounts: keys.map((privateKey) => ({ privateKey, balance: '1000000000000000000000' })),
    },
  },
}
