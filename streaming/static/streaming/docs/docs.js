// The page of the API: Swagger UI, with sound that is answered to be heard and saved.

const place = document.getElementById("swagger-ui");
const ENDINGS = { mpeg: "mp3", wav: "wav", ogg: "ogg", flac: "flac", aac: "aac", pcm: "pcm", basic: "ulaw", PCMA: "alaw" };

/** Swagger UI would give a player the request's address, which the browser asks again with GET. Here is what was answered. */
function soundAnswers({ React }) {
  function Sound({ content, contentType }) {
    const url = React.useMemo(() => URL.createObjectURL(content), [content]);
    React.useEffect(() => () => URL.revokeObjectURL(url), [url]);
    const type = contentType.split(";")[0];
    const isPlayable = document.createElement("audio").canPlayType(type) !== "";
    const player = isPlayable ? React.createElement("audio", { controls: true, src: url }) : React.createElement("span", null, place.dataset.silent);
    const name = `speech.${ENDINGS[type.split("/")[1]] ?? "audio"}`;
    const link = React.createElement("a", { href: url, download: name }, `${place.dataset.save} (${name})`);
    return React.createElement("div", null, React.createElement("h5", null, "Response body"), React.createElement("div", { className: "heard" }, player, link));
  }
  const isSound = ({ content, contentType }) => content instanceof Blob && /^audio\//i.test(contentType ?? "");
  const responseBody = Original => props => React.createElement(isSound(props) ? Sound : Original, props);
  return { wrapComponents: { responseBody } };
}

SwaggerUIBundle({
  ...JSON.parse(document.getElementById("swagger-settings").textContent),
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [soundAnswers],
});
