// Plays the runs of the report over their maps. Without it, links show the most that they carried.
const data = JSON.parse(document.getElementById("replay-data").textContent);
const slider = document.getElementById("replay-at");
const button = document.getElementById("replay-play");
const SVG = "http://www.w3.org/2000/svg";
const LIMITS = [10, 30, 60, 85];
const perFrame = data.runs.map((run) => {
  const frames = Array.from({ length: data.frames }, () => []);
  for (const transfer of run.transfers) frames[transfer[0]]?.push(transfer);
  return frames;
});
const most = Math.max(1, ...data.runs.flatMap((run) => run.transfers.map((transfer) => transfer[3])));

/** The way of a transfer on the map: its route, or else an arc. */
function way(run, frame, source, peer) {
  const epoch = run.routes.filter(([seconds]) => seconds <= frame * data.step).at(-1) ?? run.routes[0];
  const route = epoch?.[1][`${data.hosts[source]} ${data.hosts[peer]}`]?.map((name) => data.places[name]);
  if (route?.length > 1 && route.every(Boolean)) return "M" + route.map((point) => point.join(" ")).join("L");
  const [from, to] = [data.places[data.nodes[source]], data.places[data.nodes[peer]]];
  if (!from || !to) return null;
  if (from === to || (from[0] === to[0] && from[1] === to[1])) return `M${from[0]} ${from[1]}m-9 0a9 9 0 1 0 18 0a9 9 0 1 0 -18 0`;
  const bend = 0.15;
  const x = (from[0] + to[0]) / 2 - (to[1] - from[1]) * bend;
  const y = (from[1] + to[1]) / 2 + (to[0] - from[0]) * bend;
  return `M${from[0]} ${from[1]}Q${x} ${y} ${to[0]} ${to[1]}`;
}

function show(frame) {
  document.getElementById("replay-second").textContent = `${Math.round(frame * data.step)} s`;
  data.runs.forEach((run, number) => {
    const map = document.querySelector(`.replay-map[data-run="${number}"]`);
    run.load.forEach(([, , shares], link) => {
      const level = LIMITS.filter((limit) => shares[frame] >= limit).length;
      map.querySelector(`[data-link="${link}"]`).setAttribute("class", `load l${level}`);
    });
    let inside = 0;
    let outside = 0;
    const flows = perFrame[number][frame].map(([, source, peer, bytes]) => {
      const stays = data.pids[source] === data.pids[peer];
      if (stays) inside += bytes;
      else outside += bytes;
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", stays ? "flow inside" : "flow outside");
      path.setAttribute("d", way(run, frame, source, peer) ?? "");
      path.setAttribute("stroke-width", 1 + 5 * Math.sqrt(bytes / most));
      return path;
    });
    map.querySelector(".flows").replaceChildren(...flows);
    const all = inside + outside;
    const share = all ? Math.round((100 * outside) / all) : 0;
    document.getElementById(`replay-told-${number}`).textContent =
      `${(all / 1e6).toFixed(1)} MB in this step, ${share} % from other PIDs, ${flows.length} ${flows.length === 1 ? "transfer" : "transfers"}`;
  });
}

let timer;
function play(on) {
  clearInterval(timer);
  button.textContent = on ? "Pause" : "Play";
  if (!on) return (timer = undefined);
  if (Number(slider.value) >= data.frames - 1) slider.value = 0;
  timer = setInterval(() => {
    slider.value = Number(slider.value) + 1;
    show(Number(slider.value));
    if (Number(slider.value) >= data.frames - 1) play(false);
  }, 120);
}
button.addEventListener("click", () => play(timer === undefined));
slider.addEventListener("input", () => {
  play(false);
  show(Number(slider.value));
});
