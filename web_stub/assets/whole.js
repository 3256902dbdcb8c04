// Runs before all others: a page whose scripts or sheets did not arrive loads itself again. A browser gives up what it is
// loading when the networks of its machine change, as they do whenever a container starts or ends.
(() => {
  const KEY = "page-loaded-again";
  const AT_MOST = 5; // in a row; what fails then is no matter of the moment
  const count = () => {
    try { return Number(sessionStorage.getItem(KEY)) || 0; } catch { return AT_MOST; } // without memory it could go on for ever
  };
  let isWhole = true;
  addEventListener("error", ({ target }) => {
    if (!isWhole || !(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
    isWhole = false;
    if (count() >= AT_MOST) return;
    sessionStorage.setItem(KEY, String(count() + 1));
    location.reload();
  }, { capture: true }); // what fails to load says so at its own element alone
  addEventListener("load", () => {
    if (!isWhole) return;
    try { sessionStorage.removeItem(KEY); } catch { /* nothing was kept */ }
  });
})();
