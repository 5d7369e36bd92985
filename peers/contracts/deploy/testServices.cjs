// Deploys ours, with the existing network's limits, under the names that the tests ask for.
const lockSeconds = 86_400
const penaltyPercent = 30

module.exports = async ({ deployments, getNamedAccounts, ethers }) => {
  const { deployer } = await getNamedAccounts()
  const place = async (name, contract, args) => {
    const code = await deployments.deploy(`${name}Implementation`, { from: deployer, contract })
    const { abi } = await deployments.getArtifact(contract)
    const data = new ethers.Interface(abi).encodeFunctionData('initialize', args)
    const proxy = await deployments.deploy(`${name}Proxy`, {
      from: deployer,
      contract: 'TransparentUpgradeableProxy',
      args: [code.address, deployer, data],
    })
    await deployments.save(name, { ...proxy, abi })
    return proxy.address
  }
  const ledgerAddress = await place('LedgerManager', 'LedgerManager', [deployer])
  const ledger = await ethers.getContractAt('LedgerManager', ledgerAddress)
  const services = [
    { type: 'inference', name: 'InferenceServing', args: [lockSeconds, ledgerAddress, deployer] },
    { type: 'fine-tuning', name: 'FineTuningServing', args: [lockSeconds, ledgerAddress, deployer, penaltyPercent] },
  ]
  for (const { type, name, args } of services) {
    const address = await place(`${name}_test`, name, args)
    await (await ledger.registerService(type, 'test', address, `${name} under test`)).wait()
    await (await ledger.setRecommendedService(type, 'test')).wait()
  }
}
module.exports.tags = ['test-services']
