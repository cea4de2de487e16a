// What happens when the circuit is lost, as one state machine:
//
//   connected -> lost       the framework tries again by itself
//   lost -> connected       it came back
//   lost -> offline         it gave up; we go on asking the server, at once when the tab comes to the front or the network is back
//   offline -> resuming     the server answers: reconnect, else resume from the state it kept
//   resuming -> connected   | -> reloading   the server knows nothing of us any more: a fresh page, once it is ready for one
//
// Decisions of the review page do not depend on any of this: they wait in the browser and are sent over HTTP.

const pauseMilliseconds = 3000;

export function watchConnection() {
  const banner = document.getElementById("components-reconnect-modal");
  if (!banner) return;
  let state = "connected";
  let timer = 0;

  const show = (next) => {
    state = next;
    banner.dataset.state = next;
    banner.hidden = next === "connected";
    document.documentElement.dataset.connection = next;
    if (next === "connected") clearTimeout(timer);
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(tryAgain, pauseMilliseconds);
  };

  // The health address needs no sign-in and no circuit.
  const serverAnswers = async () => {
    try {
      return (await fetch("/health/live", { cache: "no-store" })).ok;
    } catch {
      return false;
    }
  };

  const attempt = async (action) => {
    try {
      return (await action()) === true;
    } catch {
      return false;
    }
  };

  async function tryAgain() {
    if (state !== "offline" && state !== "reloading") return;
    clearTimeout(timer);
    const wasReloading = state === "reloading";
    if (!(await serverAnswers())) {
      later();
      return;
    }
    if (wasReloading) {
      location.reload();
      return;
    }
    show("resuming");
    if (await attempt(() => Blazor.reconnect())) show("connected");
    else if (await attempt(() => Blazor.resumeCircuit())) show("connected");
    else {
      show("reloading");
      tryAgain();
    }
  }

  banner.addEventListener("components-reconnect-state-changed", async (event) => {
    switch (event.detail.state) {
      case "show":
      case "retrying":
        if (state === "connected") show("lost");
        break;
      case "hide":
        show("connected");
        break;
      case "failed":
        show("offline");
        tryAgain();
        break;
      case "rejected":
        // The server was reached and does not know the circuit.
        show("resuming");
        if (await attempt(() => Blazor.resumeCircuit())) show("connected");
        else {
          show("reloading");
          tryAgain();
        }
        break;
      case "paused":
      case "resume-failed":
        show("offline");
        tryAgain();
        break;
    }
  });

  banner.querySelector("[data-action=retry]").addEventListener("click", tryAgain);
  addEventListener("online", tryAgain);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") tryAgain();
  });
}
