// Runs before the first paint: the scheme a person chose beats the system's.
(() => {
  const KEY = "theme";
  const stored = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    document.documentElement.dataset.theme = stored() ?? (system.matches ? "dark" : "light");
    dispatchEvent(new Event("themechange"));
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      const follows = (next === "dark") === system.matches;
      try {
        if (follows) localStorage.removeItem(KEY); else localStorage.setItem(KEY, next);
      } catch { document.documentElement.dataset.theme = next; }
      apply();
    });
  });
})();
