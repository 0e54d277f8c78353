// Suggests a free voice_id from the name of a new voice, until somebody writes one.
"use strict";
{
    const DELAY_MS = 250;
    const LONGEST = 58;

    const begin = () => {
        const name = document.getElementById("id_name");
        const id = document.getElementById("id_voice_id");
        if (!name || !id || id.value !== "" || !/\/add\/$/.test(window.location.pathname)) {
            return;
        }
        let suggested = "";
        let timer = null;
        let asked = new AbortController();
        const suggest = async () => {
            asked.abort();
            asked = new AbortController();
            const wanted = URLify(name.value, LONGEST);
            const address = new URL("../free-id", window.location.href);
            address.searchParams.set("name", wanted);
            try {
                const answer = await fetch(address, { signal: asked.signal });
                if (answer.ok && id.value === suggested) {
                    suggested = wanted === "" ? "" : (await answer.json()).voice_id;
                    id.value = suggested;
                }
            } catch (error) {
                if (error.name !== "AbortError") {
                    console.warn(error); // the server makes an id of the name
                }
            }
        };
        name.addEventListener("input", () => {
            clearTimeout(timer);
            if (id.value === suggested) {
                timer = setTimeout(suggest, DELAY_MS);
            }
        });
    };
    document.addEventListener("DOMContentLoaded", begin);
}
