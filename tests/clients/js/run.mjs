// Runs checks in their order, says which fail, and ends with how many did.

export async function run(checks) {
  let failed = 0;
  for (const check of checks) {
    try {
      await check();
      console.log(`ok      ${check.name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${check.name}`);
      console.log(error);
    }
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
